// onnxruntime-web as the independent truth: it loads what we write and computes the same, and its
// tensors are ours.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import {
  argmax,
  digitSamples,
  digits,
  kDigitsTest,
  sqnr,
  tinyModel,
  tinySamples,
} from './support/digits.ts';
import { eightfold, type Feeds, type Format, type Tensor } from './support/eightfold.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const open = (model: Uint8Array) =>
  ort.InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 });

const toOrt = (feeds: Feeds) =>
  Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => [
      name,
      new ort.Tensor(type as 'float32', data as Float32Array, dims),
    ]),
  );

/** Both runtimes on the same samples: all numbers of one output, one row per sample. */
async function both(model: Uint8Array, samples: Feeds[], output: string) {
  const ours = await eightfold.createSession(model);
  const theirs = await open(model);
  const rows: { ours: Float32Array; theirs: Float32Array }[] = [];
  for (const feeds of samples) {
    const a = (await ours.run(feeds))[output]!.data as Float32Array;
    const b = (await theirs.run(toOrt(feeds)))[output]!.data as Float32Array;
    rows.push({ ours: a, theirs: b });
  }
  ours.delete();
  await theirs.release();
  return rows;
}

const flat = (rows: readonly Float32Array[]) => rows.flatMap((row) => Array.from(row));

test('the float model', async () => {
  for (const { ours, theirs } of await both(digits(), digitSamples(20, kDigitsTest), 'logits')) {
    ours.forEach((value, i) =>
      assert.ok(Math.abs(value - theirs[i]!) <= 1e-4 * (1 + Math.abs(value))),
    );
  }
});

for (const format of ['qdq', 'qoperator'] as Format[]) {
  test(`${format} files agree between the two runtimes`, async () => {
    const { model } = await eightfold.quantize(digits(), {
      calibration: digitSamples(128),
      format,
    });
    const rows = await both(model, digitSamples(200, kDigitsTest), 'logits');
    const [ours, theirs] = [rows.map((row) => row.ours), rows.map((row) => row.theirs)];
    const db = sqnr(flat(theirs), flat(ours));
    assert.ok(db >= 35, `${db.toFixed(1)} dB`);
    const same = rows.filter((row) => argmax(row.ours) === argmax(row.theirs)).length;
    assert.ok(same >= 198, `${same} of 200`);
  });

  test(`${format} of a Gemm: exactly the same`, async () => {
    const samples = tinySamples(32);
    const { model } = await eightfold.quantize(tinyModel(), { calibration: samples, format });
    for (const { ours, theirs } of await both(model, samples, 'y')) {
      assert.deepEqual(ours, theirs);
    }
  });
}

test("onnxruntime-web's tensors are accepted as they are", async () => {
  using session = await eightfold.createSession(tinyModel());
  const x = new ort.Tensor('float32', Float32Array.of(1, 1, 1, 1), [1, 4]);
  const { y } = await session.run({ x: x as unknown as Tensor });
  assert.deepEqual(Array.from(y!.data as Float32Array), [3, 0, 3.25]);
  const { report } = await eightfold.quantize(tinyModel(), {
    calibration: [{ x: x as unknown as Tensor }],
  });
  assert.equal(report.samples, 1);
});

test('and ours are accepted there, in every type of the border', async () => {
  const { onnxModel } = await import('./support/onnx_builder.ts');
  for (const [type, values] of [
    ['int64', BigInt64Array.of(1n, -2n)],
    ['int32', Int32Array.of(1, -2)],
    ['uint8', Uint8Array.of(1, 2)],
    ['bool', Uint8Array.of(1, 0)],
  ] as const) {
    const model = onnxModel({
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      inputs: { x: { type, dims: [2] } },
      outputs: { y: { type, dims: [2] } },
    });
    using session = await eightfold.createSession(model);
    const theirs = new ort.Tensor(type as 'int32', values as Int32Array, [2]);
    const { y } = await session.run({ x: theirs as unknown as Tensor });
    assert.deepEqual(y, { type, data: values, dims: [2] });
  }
});
