// The command line: what it writes, what it prints, how it ends.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { Workshop } from './support/cli.ts';
import {
  digitSamples,
  digits,
  float,
  kDigits,
  kDigitsCalibration,
  kDigitsTest,
  tinyModel,
} from './support/digits.ts';
import { eightfold, node, type Tensor } from './support/eightfold.ts';
import { onnxModel } from './support/onnx_builder.ts';

const shop = new Workshop();
after(() => shop.close());

const calibration = ['--calibration', kDigitsCalibration];
const int8 = shop.path('int8.onnx');

async function done(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await shop.run(args);
  assert.equal(code, 0, `${args.join(' ')}\n${stderr}`);
  assert.equal(stderr, '', 'no terminal: no progress');
  return stdout;
}

const asJson = async (args: readonly string[]) => JSON.parse(await done([...args, '--json']));

test('inspect', async () => {
  assert.match(await done(['inspect', kDigits]), /float model.*opset ai\.onnx 13/);
  assert.deepEqual(await asJson(['inspect', kDigits]), await eightfold.inspect(digits()));
});

test('inspect --backend explains', async () => {
  const text = await done(['inspect', kDigits, '--backend', 'exact8']);
  assert.match(text, /^exact8: 10 of 10 nodes are quantized\n/);
  assert.match(text, /by eightfold:Conv; uint8 -> uint8, .*\n +stem\/conv/);
  const node = await done(['inspect', kDigits, '--backend', 'exact8', '--node', 'stem/relu']);
  assert.match(
    node,
    /^stem\/conv {2}eightfold:Conv\n.*fused from +stem\/conv, stem\/bn, stem\/relu/s,
  );
  const args = ['inspect', kDigits, '--backend', 'fbgemm', '--qconfig', 'default_dynamic_qconfig'];
  assert.match(await done(args), /Stay float.*Quantized, by what.*MatMulInteger \(dynamic\)/s);
  const qconfigMapping = { global: 'default_dynamic_qconfig' };
  assert.deepEqual(
    await asJson(args),
    await eightfold.explain(digits(), { backend: 'fbgemm', qconfigMapping }),
  );
});

test('quantize by a config in a file, and by a mode', async () => {
  const config = shop.path('config.json');
  const target = shop.path('target.json');
  const qconfigMapping = { global: 'default_qconfig', objectType: [['Gemm', null]] };
  writeFileSync(config, JSON.stringify({ backend: 'fbgemm', qconfigMapping }));
  writeFileSync(target, JSON.stringify(await eightfold.backend('x86')));
  const args = ['quantize', kDigits, '-o', int8, ...calibration, '--samples', '4'];
  const options = { calibration: digitSamples(4) };
  const rows: [string[], object][] = [
    [['--config', config], { backend: 'fbgemm', qconfigMapping }],
    [['--backend', target], { backend: 'x86' }],
    [['--mode', 'weight_only'], { mode: 'weight_only' }],
  ];
  for (const [flags, more] of rows) {
    await done([...args, ...flags]);
    const { model } = await eightfold.quantize(digits(), { ...options, ...more });
    assert.deepEqual(new Uint8Array(readFileSync(int8)), model, flags.join(' '));
  }
});

test('quantize writes the file that the API makes, and the report', async () => {
  const report = shop.path('report.json');
  const text = await done([
    ...['quantize', kDigits, '-o', int8, ...calibration, '--samples', '32'],
    ...['--report', report],
  ]);
  assert.match(text, /stem\/conv\s+Conv\s+int8/);
  const made = await eightfold.quantize(digits(), { calibration: digitSamples(32) });
  assert.deepEqual(new Uint8Array(readFileSync(int8)), made.model);
  assert.deepEqual(
    JSON.parse(readFileSync(report, 'utf8')),
    JSON.parse(JSON.stringify(made.report)),
  );
  const printed = await asJson([
    'quantize',
    kDigits,
    '-o',
    int8,
    ...calibration,
    '--samples',
    '32',
  ]);
  assert.deepEqual(printed, JSON.parse(JSON.stringify(made.report)));
});

test('every option of quantize reaches the quantizer', async () => {
  const out = shop.path('options.onnx');
  const report = await asJson([
    ...['quantize', kDigits, '-o', out, ...calibration, '--samples', '8'],
    ...['--format', 'qoperator', '--backend', 'onnxruntime', '--observer', 'MinMaxObserver'],
    ...['--per-tensor', '--activations', 'uint8', '--exclude', 'Gemm', '--exclude', 'stem/conv'],
  ]);
  const made = await eightfold.quantize(digits(), {
    calibration: digitSamples(8),
    format: 'qoperator',
    backend: 'onnxruntime',
    observer: 'MinMaxObserver',
    perTensor: true,
    exclude: ['Gemm', 'stem/conv'],
  });
  assert.deepEqual(new Uint8Array(readFileSync(out)), made.model);
  assert.equal(report.samples, 8);
});

test('run takes float and quantized models; outputs are stacked as inputs were', async () => {
  const out = shop.path('logits.npz');
  for (const model of [kDigits, int8]) {
    const summary = await asJson([
      'run',
      model,
      '--inputs',
      kDigitsTest,
      '-o',
      out,
      '--samples',
      '20',
    ]);
    assert.deepEqual(summary.outputs, [{ name: 'logits', type: 'float32', dims: [20, 10] }]);
    const session = await eightfold.createSession(new Uint8Array(readFileSync(model)));
    const { logits } = node.readNpzFile(out);
    for (const [i, feeds] of digitSamples(20, kDigitsTest).entries()) {
      const row = (logits!.data as Float32Array).slice(10 * i, 10 * i + 10);
      assert.deepEqual(row, (await session.run(feeds)).logits!.data);
    }
    session.delete();
  }
});

test('run on a folder of .npz files: each is fed as it is', async () => {
  const folder = shop.path('batches');
  mkdirSync(folder);
  const batch = (rows: number, value: number): Tensor =>
    float(new Float32Array(rows * 4).fill(value), [rows, 4]);
  node.writeNpzFile(`${folder}/1.npz`, { x: batch(2, 1), note: batch(1, 0) });
  node.writeNpzFile(`${folder}/2.npz`, { x: batch(2, 2) });
  const model = shop.path('tiny.onnx');
  writeFileSync(model, tinyModel());
  const out = shop.path('y.npz');
  await done(['run', model, '--inputs', folder, '-o', out]);
  const { y } = node.readNpzFile(out);
  assert.deepEqual(y!.dims, [2, 2, 3]);
  assert.deepEqual(Array.from(y!.data as Float32Array).slice(0, 3), [3, 0, 3.25]);
  // Outputs of different shapes cannot be stacked.
  node.writeNpzFile(`${folder}/3.npz`, { x: batch(1, 3) });
  await done(['run', model, '--inputs', folder, '-o', out]);
  assert.deepEqual(Object.keys(node.readNpzFile(out)).sort(), ['y_0', 'y_1', 'y_2']);
});

/** The identity on an image input: what is fed comes out. */
function echo(dims: (number | string)[]): string {
  const path = shop.path(`echo-${dims.join('x')}.onnx`);
  const nodes = [{ op: 'Identity', inputs: ['image'], outputs: ['y'] }];
  writeFileSync(path, onnxModel({ nodes, inputs: { image: { dims } }, outputs: { y: { dims } } }));
  return path;
}

async function picture(folder: string, name: string, width: number, height: number): Promise<void> {
  mkdirSync(shop.path(folder), { recursive: true });
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256);
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(shop.path(folder, name));
}

test('a folder of images: size, order of colours and axes, mean, std, scale', async () => {
  await picture('pictures', 'b.png', 4, 2);
  await picture('pictures', 'a.png', 4, 2);
  writeFileSync(shop.path('pictures', 'notes.txt'), 'not an image');
  const out = shop.path('images.npz');
  const run = async (dims: (number | string)[], ...options: string[]) => {
    await done(['run', echo(dims), '--inputs', shop.path('pictures'), '-o', out, ...options]);
    return node.readNpzFile(out).y!;
  };
  const pixel = (i: number) => (i * 37) % 256;
  const plain = await run(['N', 3, 2, 4]);
  assert.deepEqual(plain.dims, [2, 3, 2, 4]);
  assert.ok(Math.abs(Number(plain.data[0]) - pixel(0) / 255) < 1e-6);
  assert.ok(Math.abs(Number(plain.data[8]) - pixel(1) / 255) < 1e-6);

  const nhwc = await run([1, 2, 4, 3], '--scale', '1');
  assert.deepEqual(
    Array.from(nhwc.data as Float32Array).slice(0, 6),
    [0, 1, 2, 3, 4, 5].map(pixel),
  );

  const bgr = await run(
    ['N', 3, 2, 4],
    '--channels',
    'bgr',
    '--scale',
    '1',
    '--mean',
    '10,20,30',
    '--std',
    '2,4,8',
  );
  assert.equal(bgr.data[0], (pixel(2) - 10) / 2);
  assert.equal(bgr.data[8], (pixel(1) - 20) / 4);
  assert.equal(bgr.data[16], (pixel(0) - 30) / 8);

  const free = await run(['N', 3, 'h', 'w'], '--size', '2x2', '--crop', '--scale', '1');
  assert.deepEqual(free.dims, [2, 3, 2, 2]);
  // The middle of a picture twice as wide as high.
  assert.deepEqual([free.data[0], free.data[1]], [pixel(3), pixel(6)]);

  const gray = await run(['N', 1, 2, 4]);
  assert.deepEqual(gray.dims, [2, 1, 2, 4]);
});

test('compare', async () => {
  const args = ['compare', kDigits, int8, '--inputs', kDigitsTest, '--samples', '50'];
  assert.match(await done(args), /classifier\s+Gemm\s+\d+\.\d/);
  const comparison = await asJson(args);
  assert.equal(comparison.samples, 50);
  assert.ok(comparison.outputs[0].sqnr > 20);
  assert.ok(comparison.layers.length >= 8);
});

test('bench against onnxruntime-web', async () => {
  const args = ['bench', int8, '--against', 'onnxruntime-web', '--rounds', '3'];
  const { engines, ratio } = await asJson(args);
  assert.deepEqual(
    engines.map(({ engine }: { engine: string }) => engine),
    ['eightfold', 'onnxruntime-web'],
  );
  assert.ok(engines.every(({ median }: { median: number }) => median > 0));
  assert.ok(ratio.low <= ratio.median && ratio.median <= ratio.high);
  assert.match(
    await done(['bench', kDigits, '--inputs', kDigitsTest, '--rounds', '2']),
    /eightfold\s+\d/,
  );
});

test('wrong usage ends with 2 and says what is wrong', async (t) => {
  const quantize = ['quantize', kDigits, '-o', shop.path('no.onnx')];
  const cases: Record<string, string[]> = {
    'no command': [],
    'unknown command': ['squeeze'],
    'unknown option': ['inspect', kDigits, '--loud'],
    'no model': ['inspect'],
    'too many models': ['inspect', kDigits, kDigits],
    'no calibration': quantize,
    'no output': ['quantize', kDigits, ...calibration],
    'unknown format': [...quantize, ...calibration, '--format', 'zip'],
    'unknown observer': [...quantize, ...calibration, '--observer', 'Guess'],
    'unknown backend': [...quantize, ...calibration, '--backend', 'abacus'],
    'samples are no number': [...quantize, ...calibration, '--samples', 'many'],
    'size without height': [...quantize, ...calibration, '--size', '32'],
    'two means': [...quantize, ...calibration, '--mean', '1,2'],
    'std of zero': [...quantize, ...calibration, '--std', '0'],
    'unknown engine': ['bench', kDigits, '--against', 'paper'],
  };
  for (const [name, args] of Object.entries(cases)) {
    await t.test(name, async () => {
      const { code, stdout, stderr } = await shop.run(args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.ok(stderr.length > 0);
    });
  }
  for (const flag of ['--help', '--version']) assert.equal((await shop.run([flag])).code, 0);
});

test('a failure ends with 1, names code and hint, and leaves no file behind', async (t) => {
  const broken = shop.path('broken.onnx');
  writeFileSync(broken, digits().subarray(0, 5000));
  const nan = shop.path('nan.npz');
  node.writeNpzFile(nan, { input: float(new Float32Array(64).fill(Number.NaN), [1, 1, 8, 8]) });
  const other = shop.path('other.npz');
  node.writeNpzFile(other, { pixels: float(new Float32Array(64), [1, 1, 8, 8]) });
  const none = shop.path('none.npz');
  node.writeNpzFile(none, { input: float([], [0, 1, 8, 8]) });
  mkdirSync(shop.path('empty'));
  const out = ['-o', shop.path('failed.onnx')];
  const quantize = (data: string) => ['quantize', kDigits, ...out, '--calibration', data];
  const cases: Record<string, [string[], RegExp]> = {
    'no such model': [['inspect', shop.path('nothing.onnx')], /invalid_input.*nothing\.onnx/],
    'a folder as model': [['inspect', shop.folder], /invalid_input/],
    'a broken model': [['quantize', broken, ...out, ...calibration], /invalid_model/],
    'no such data': [quantize(shop.path('nothing.npz')), /invalid_input.*nothing\.npz/],
    'an empty folder': [quantize(shop.path('empty')), /invalid_input/],
    'data that is no archive': [quantize(broken), /invalid_input/],
    'arrays of other names': [quantize(other), /invalid_input.*\n.*hint: .*pixels/],
    NaN: [quantize(nan), /invalid_data/],
    'no samples': [quantize(none), /invalid_data/],
    'unknown node': [
      [...quantize(kDigitsCalibration), '--exclude', 'nobody'],
      /invalid_config.*nobody/,
    ],
    'report into nowhere': [
      [...quantize(kDigitsCalibration), '--samples', '2', '--report', shop.path('no/where.json')],
      /invalid_input/,
    ],
    'output into nowhere': [
      ['run', kDigits, '--inputs', kDigitsTest, '-o', shop.path('no/where.npz')],
      /invalid_input/,
    ],
  };
  for (const [name, [args, text]] of Object.entries(cases)) {
    await t.test(name, async () => {
      const before = readdirSync(shop.folder).sort();
      const { code, stdout, stderr } = await shop.run(args);
      assert.equal(code, 1, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, text);
      assert.doesNotMatch(stderr, /\n\s+at /, 'no stack trace');
      assert.deepEqual(readdirSync(shop.folder).sort(), before);
    });
  }
});

test('an older result survives a failure', async () => {
  const out = shop.path('kept.onnx');
  writeFileSync(out, 'precious');
  const args = ['quantize', kDigits, '-o', out, ...calibration, '--exclude', 'nobody'];
  assert.equal((await shop.run(args)).code, 1);
  assert.equal(readFileSync(out, 'utf8'), 'precious');
});

test('Ctrl+C ends with 1 and leaves no file behind', async () => {
  const big = shop.path('big.npz');
  node.writeNpzFile(big, { input: float(new Float32Array(200_000 * 64), [200_000, 1, 8, 8]) });
  const out = shop.path('interrupted.onnx');
  const args = ['quantize', kDigits, '-o', out, '--calibration', big];
  // Well after the start, however busy the machine is.
  const start = performance.now();
  await done(['inspect', kDigits]);
  const interruptAfter = 3 * (performance.now() - start) + 500;
  const { code, stderr } = await shop.run(args, { interruptAfter });
  assert.equal(code, 1);
  assert.match(stderr, /aborted/);
  assert.ok(!readdirSync(shop.folder).some((name) => name.startsWith('interrupted')));
});

test('external data beside the model is found, and may not lie elsewhere', async () => {
  const folder = shop.path('external');
  mkdirSync(folder);
  const model = (location: string) =>
    onnxModel({
      nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
      inputs: { x: { dims: [2] } },
      outputs: { y: { dims: [2] } },
      initializers: { w: { dims: [2], data: [], external: { location, length: 8 } } },
    });
  writeFileSync(`${folder}/w.bin`, new Uint8Array(Float32Array.of(10, 20).buffer));
  writeFileSync(`${folder}/model.onnx`, model('w.bin'));
  const x = shop.path('x.npz');
  node.writeNpzFile(x, { x: float([1, 2], [2]) });
  const out = shop.path('sum.npz');
  await done(['run', `${folder}/model.onnx`, '--inputs', x, '-o', out]);
  assert.deepEqual(node.readNpzFile(out).y, float([11, 22], [2]));
  mkdirSync(`${folder}/inner`);
  writeFileSync(`${folder}/inner/model.onnx`, model('../w.bin'));
  const { code, stderr } = await shop.run(['inspect', `${folder}/inner/model.onnx`]);
  assert.equal(code, 1);
  assert.match(stderr, /invalid_model/);
});
