// The verbs of the API, one by one and all together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  argmax,
  digitSamples,
  digits,
  float,
  kDigitsTest,
  sqnr,
  tinyModel,
  tinySamples,
  tinyTruth,
} from './support/digits.ts';
import {
  eightfold,
  type Feeds,
  type InitOptions,
  type NodeView,
  type Progress,
} from './support/eightfold.ts';
import { rejects } from './support/expect.ts';

const api = await eightfold.init();

test('init() returns the same instance until it is told otherwise', async () => {
  assert.equal(await eightfold.init(), api);
  assert.ok(['simd128', 'relaxed'].includes(api.build.variant));
  const other = await eightfold.createInstance({ variant: 'simd128', isa: 'scalar' });
  const threads = eightfold.bestThreads();
  assert.deepEqual(other.build, { variant: 'simd128', isa: 'scalar', threads });
  assert.equal(await eightfold.init(), api);
});

test('names of backends, observers and QConfigs', async () => {
  assert.ok((await eightfold.backendNames()).includes('exact8'));
  assert.ok((await eightfold.observerNames()).includes('HistogramObserver'));
  assert.ok((await eightfold.qconfigNames()).includes('default_dynamic_qconfig'));
});

test('every preset is a BackendConfig, and as good as its name', async () => {
  const names = await eightfold.backendNames();
  assert.ok(names.length > 7);
  for (const name of names) {
    const backend = await eightfold.backend(name);
    assert.ok(backend instanceof eightfold.BackendConfig && backend.configs.length > 5, name);
    assert.ok(eightfold.BackendConfig.fromJSON(backend.toJSON()).equals(backend), name);
    const [byName, byConfig] = [
      await eightfold.explain(digits(), { backend: name }),
      await eightfold.explain(digits(), { backend }),
    ];
    assert.deepEqual(byConfig, byName);
  }
  await rejects(() => eightfold.backend('abacus'), { code: 'invalid_config', message: /abacus/ });
});

test('explain() says what quantize() then does', async () => {
  const exclude = ['Gemm', 'residual/a/conv'];
  const { report } = await eightfold.quantize(digits(), {
    calibration: digitSamples(4),
    exclude,
  });
  const explanation = await eightfold.explain(digits(), { exclude });
  assert.equal(explanation.backend, 'exact8');
  const float_ = explanation.nodes.filter(({ quantized }) => !quantized);
  assert.deepEqual(
    float_.map(({ node }) => node),
    report.layers.filter(({ int8 }) => !int8).map(({ node }) => node),
  );
  assert.ok(float_.length >= 2 && float_.every(({ reason }) => reason.length > 5));
  assert.equal(explanation.floatNodes, float_.length);
  assert.equal(explanation.quantized + float_.length, explanation.nodes.length);

  using model = await eightfold.loadModel(digits());
  const qconfigMapping = new eightfold.QConfigMapping().setGlobal(null);
  const none = await eightfold.explain(model, { qconfigMapping });
  assert.equal(none.quantized, 0);
});

test('a function in place of a fuser of a preset; what it leaves the smaller patterns take', async () => {
  const seen: string[] = [];
  const fuserMethod = (_: boolean, ...nodes: NodeView[]) => {
    seen.push(nodes.map(({ name }) => name).join(' '));
    return { refusal: 'left to the smaller ones' };
  };
  const backend = await eightfold.backend('exact8');
  const count = backend.configs.length;
  backend.setBackendPatternConfig({ pattern: ['Conv', 'BatchNormalization', 'Relu'], fuserMethod });
  assert.equal(backend.configs.length, count, 'replaced in its place');
  using model = await eightfold.loadModel(digits());
  using fused = await eightfold.fuse(model, { backend });
  const parts = ['depthwise', 'pointwise', 'residual/a', 'stem'];
  assert.deepEqual(
    seen.sort(),
    parts.map((part) => `${part}/conv ${part}/bn ${part}/relu`),
  );
  using usual = await eightfold.fuse(model);
  assert.deepEqual(fused.info.ops, usual.info.ops);
});

test('modes: each makes a file of its own that runs', async () => {
  const [feeds] = digitSamples(1);
  const outputs: Record<string, number[]> = {};
  for (const mode of ['static', 'dynamic', 'weight_only', 'float16'] as const) {
    const { model } = await eightfold.quantize(digits(), { calibration: digitSamples(8), mode });
    using session = await eightfold.createSession(model);
    outputs[mode] = Array.from((await session.run(feeds!)).logits!.data as Float32Array);
  }
  using session = await eightfold.createSession(digits());
  const truth = Array.from((await session.run(feeds!)).logits!.data as Float32Array);
  for (const [mode, values] of Object.entries(outputs)) {
    assert.ok(sqnr(truth, values) > 15, mode);
    assert.notDeepEqual(values, truth, mode);
  }
  assert.equal(new Set(Object.values(outputs).map(String)).size, 4);
});

test('inspect tells what a model is', async () => {
  const info = await eightfold.inspect(digits());
  assert.deepEqual(info.inputs, [{ name: 'input', type: 'float32', dims: ['N', 1, 8, 8] }]);
  assert.deepEqual(info.outputs, [{ name: 'logits', type: 'float32', dims: ['N', 10] }]);
  assert.equal(info.ops.Conv, 5);
  assert.equal(info.opsets[''], 13);
  assert.equal(info.stage, 'float');
});

test('a session runs a float model, any batch size', async () => {
  const session = await eightfold.createSession(tinyModel());
  assert.deepEqual(session.inputNames, ['x']);
  assert.deepEqual(session.outputNames, ['y']);
  for (const rows of [1, 3, 2]) {
    const x = Array.from({ length: rows * 4 }, (_, i) => Math.sin(i * 1.7));
    const { y } = await session.run({ x: float(x, [rows, 4]) });
    assert.deepEqual(y!.dims, [rows, 3]);
    const truth = Array.from({ length: rows }, (_, r) => tinyTruth(x.slice(4 * r, 4 * r + 4)));
    const values = Array.from(y!.data as Float32Array);
    truth.flat().forEach((value, i) => assert.ok(Math.abs(value - values[i]!) < 1e-5));
  }
  session.delete();
});

test('runs of one session wait for each other', async () => {
  const session = await eightfold.createSession(digits());
  const samples = digitSamples(16);
  const alone: Float32Array[] = [];
  for (const feeds of samples) alone.push((await session.run(feeds)).logits!.data as Float32Array);
  const together = await Promise.all(samples.map((feeds) => session.run(feeds)));
  together.forEach(({ logits }, i) => assert.deepEqual(logits!.data, alone[i]));
  session.delete();
});

test('the verbs one by one make what quantize() makes', async () => {
  const samples = digitSamples(16);
  using model = await eightfold.loadModel(digits());
  using fused = await eightfold.fuse(model);
  assert.equal(fused.info.stage, 'fused');
  assert.equal(fused.info.ops.BatchNormalization, undefined);
  assert.match(await fused.text(), /Conv/);
  using prepared = await eightfold.prepare(fused);
  await eightfold.calibrate(prepared, samples);
  assert.equal(await prepared.samples(), 16);
  await eightfold.correctBias(prepared, samples);
  using quantized = await eightfold.convert(prepared);
  assert.equal(quantized.info.stage, 'quantized');
  using lowered = await eightfold.lower(quantized);
  assert.equal(lowered.info.stage, 'lowered');

  for (const format of ['qdq', 'qoperator'] as const) {
    const file = await eightfold.toOnnx(format === 'qdq' ? quantized : lowered, { format });
    const whole = await eightfold.quantize(digits(), { calibration: samples, format });
    assert.deepEqual(file, whole.model);
  }
});

test('quantize() reports bytes, layers and agreement; the file keeps the accuracy', async () => {
  const { model, report } = await eightfold.quantize(digits(), { calibration: digitSamples(128) });
  assert.equal(report.bytes.float, digits().length);
  assert.equal(report.bytes.int8, model.length);
  assert.ok(model.length < 0.45 * digits().length, `${model.length} bytes`);
  assert.equal(report.samples, 128);
  assert.equal(report.int8MacShare, 1);
  assert.ok(report.layers.every(({ int8, reason }) => int8 && !reason));
  assert.ok(report.layers.every(({ sqnr: db }) => db !== undefined && db > 20));
  assert.equal(report.layers.filter(({ opType }) => opType === 'Conv').length, 5);
  assert.ok(report.remarks.some(({ kind }) => kind === 'fused'));
  assert.deepEqual(
    report.outputs.map(({ name }) => name),
    ['logits'],
  );

  const [before, after_] = [
    await eightfold.createSession(digits()),
    await eightfold.createSession(model),
  ];
  let same = 0;
  const tests = digitSamples(450, kDigitsTest);
  for (const feeds of tests) {
    const [a, b] = [(await before.run(feeds)).logits!, (await after_.run(feeds)).logits!];
    if (argmax(a.data as Float32Array) === argmax(b.data as Float32Array)) same++;
  }
  assert.ok(same >= 445, `${same} of 450 the same`);
  before.delete();
  after_.delete();
});

test('one-shot samples are kept for the second pass; both give the same file', async () => {
  const samples = digitSamples(12);
  async function* stream(): AsyncGenerator<Feeds> {
    // One array for all samples, as a camera would do.
    const shared = new Float32Array(64);
    for (const { input } of samples) {
      shared.set(input!.data as Float32Array);
      yield { input: { type: 'float32', data: shared, dims: input!.dims } };
    }
  }
  const once = await eightfold.quantize(digits(), { calibration: stream() });
  const again = await eightfold.quantize(digits(), { calibration: samples });
  assert.deepEqual(once.model, again.model);
  assert.deepEqual(once.report, again.report);
});

test('options change the result, each in its way', async () => {
  const calibration = digitSamples(16);
  const plain = await eightfold.quantize(digits(), { calibration });
  const made = async (options: object) =>
    (await eightfold.quantize(digits(), { calibration, ...options })).model;
  for (const options of [
    { observer: 'MinMaxObserver' },
    { perTensor: true },
    { activations: 'int8' },
    { biasCorrection: false },
    { samples: 3 },
    { exclude: ['stem/conv'] },
    { format: 'qoperator' },
  ]) {
    assert.notDeepEqual(await made(options), plain.model, JSON.stringify(options));
  }
});

test('what is excluded stays float, by node and by op type, with the reason', async () => {
  const calibration = digitSamples(8);
  const quantize = (exclude: string[]) => eightfold.quantize(digits(), { calibration, exclude });
  const { report } = await quantize(['residual/a/conv', 'Gemm']);
  const float_ = report.layers.filter(({ int8 }) => !int8);
  assert.deepEqual(float_.map(({ node }) => node).sort(), ['classifier', 'residual/a/conv']);
  assert.ok(float_.every(({ reason }) => reason && reason.length > 5));
  assert.ok(report.int8MacShare > 0.4 && report.int8MacShare < 1);
});

test('a QConfigMapping in the long form', async () => {
  using model = await eightfold.loadModel(digits());
  using fused = await eightfold.fuse(model);
  using prepared = await eightfold.prepare(fused, {
    qconfigMapping: {
      global: { activation: { observer: 'MinMaxObserver' } },
      moduleNameRegex: [['residual.*', null]],
    },
  });
  await eightfold.calibrate(prepared, digitSamples(4));
  using quantized = await eightfold.convert(prepared);
  using lowered = await eightfold.lower(quantized);
  const convs = Object.entries(lowered.info.ops).filter(([op]) => /QLinearConv$/.test(op));
  assert.equal(
    convs.reduce((sum, [, count]) => sum + count, 0),
    3,
  );
});

test('progress tells every phase in order and counts to its total', async () => {
  const seen: Progress[] = [];
  await eightfold.quantize(digits(), {
    calibration: digitSamples(5),
    onProgress: (progress) => seen.push(progress),
  });
  const phases = [...new Set(seen.map(({ phase }) => phase))];
  assert.deepEqual(phases, [
    'load',
    'fuse',
    'prepare',
    'calibrate',
    'correct',
    'convert',
    'lower',
    'compare',
    'export',
  ]);
  const calibrate = seen.filter(({ phase }) => phase === 'calibrate');
  assert.deepEqual(
    calibrate.map(({ done }) => done),
    [0, 1, 2, 3, 4, 5],
  );
  assert.ok(calibrate.every(({ total }) => total === 5));
});

test('compare() measures what a session computes', async () => {
  const samples = tinySamples(20);
  const { model } = await eightfold.quantize(tinyModel(), { calibration: samples });
  const comparison = await eightfold.compare(tinyModel(), model, samples);
  assert.equal(comparison.samples, 20);
  const [float_, int8] = [
    await eightfold.createSession(tinyModel()),
    await eightfold.createSession(model),
  ];
  const values: [number[], number[]] = [[], []];
  for (const feeds of samples) {
    values[0].push(...((await float_.run(feeds)).y!.data as Float32Array));
    values[1].push(...((await int8.run(feeds)).y!.data as Float32Array));
  }
  const [output] = comparison.outputs;
  assert.equal(output!.name, 'y');
  assert.ok(Math.abs(output!.sqnr - sqnr(...values)) < 0.01);
  const errors = values[0].map((value, i) => Math.abs(value - values[1][i]!));
  assert.ok(Math.abs(output!.maxAbsError - Math.max(...errors)) < 1e-6);
  const equal = await eightfold.compare(tinyModel(), tinyModel(), samples);
  assert.equal(equal.outputs[0]!.sqnr, Number.POSITIVE_INFINITY);
  assert.equal(equal.outputs[0]!.argmaxAgreement, 1);
});

test('external data comes by name or from a callback', async () => {
  const { onnxModel } = await import('./support/onnx_builder.ts');
  const bytes = onnxModel({
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: { x: { dims: [2] } },
    outputs: { y: { dims: [2] } },
    initializers: {
      w: { dims: [2], data: [], external: { location: 'weights.bin', offset: 4, length: 8 } },
    },
  });
  const file = new Uint8Array(Float32Array.of(-1, 10, 20).buffer);
  const asked: unknown[] = [];
  const read = (location: string, offset: number, length: number) => {
    asked.push([location, offset, length]);
    return file.subarray(offset, offset + length);
  };
  for (const externalData of [{ 'weights.bin': file }, read]) {
    const session = await eightfold.createSession(bytes, { externalData });
    const { y } = await session.run({ x: float([1, 2], [2]) });
    assert.deepEqual(Array.from(y!.data as Float32Array), [11, 22]);
    session.delete();
  }
  assert.deepEqual(asked[0], ['weights.bin', 4, 8]);
});

test('a profile names the nodes of one run', async () => {
  const session = await eightfold.createSession(digits());
  const times = await session.profile(digitSamples(1)[0]!);
  assert.ok(times.some(({ node }) => node === 'stem/conv'));
  assert.ok(times.every(({ ms }) => ms >= 0));
  const stats = await session.stats();
  assert.ok(stats.arenaBytes >= stats.arenaLowerBound && stats.arenaLowerBound > 0);
  session.delete();
});

test('scalar and vector kernels, and every build, make the same file', async () => {
  const calibration = digitSamples(16);
  const { model } = await eightfold.quantize(digits(), { calibration });
  const builds: InitOptions[] = [{ variant: 'simd128' }, { variant: 'simd128', isa: 'scalar' }];
  // The engine of this process may be too old for the relaxed build.
  if (eightfold.bestVariant() === 'relaxed') builds.push({ variant: 'relaxed' });
  for (const build of builds) {
    const instance = await eightfold.createInstance(build);
    const made = await instance.quantize(digits(), { calibration });
    assert.deepEqual(made.model, model, JSON.stringify(instance.build));
  }
});
