// Memory: constant over the number of samples, back at its mark after each call.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digitSamples, digits } from './support/digits.ts';
import { eightfold, type Tensor } from './support/eightfold.ts';
import { onnxModel } from './support/onnx_builder.ts';

const waves = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898));

const allocated = async () => (await eightfold.memory()).allocatedBytes;

test('all is free after each call', async () => {
  const calibration = digitSamples(8);
  const round = async () => {
    const { model } = await eightfold.quantize(digits(), { calibration });
    for (const bytes of [digits(), model]) {
      const session = await eightfold.createSession(bytes);
      for (const feeds of calibration) await session.run(feeds);
      await session.profile(calibration[0]!);
      session.delete();
    }
    await eightfold.compare(digits(), model, calibration);
    await eightfold.inspect(model);
  };
  await round();
  const mark = await allocated();
  for (let i = 0; i < 3; i++) await round();
  assert.equal(await allocated(), mark);
});

test('a handle frees what it holds, once', async () => {
  const model = await eightfold.loadModel(digits());
  const session = await eightfold.createSession(model);
  session.delete();
  model.delete();
  const mark = await allocated();
  {
    using again = await eightfold.loadModel(digits());
    using runner = await eightfold.createSession(again);
    assert.ok((await allocated()) > mark + digits().length / 2);
    assert.deepEqual(runner.inputNames, ['input']);
  }
  assert.equal(await allocated(), mark);
});

test('repeated runs of a session take no more memory', async () => {
  using session = await eightfold.createSession(digits());
  const [feeds] = digitSamples(1);
  await session.run(feeds!);
  const mark = await allocated();
  for (let i = 0; i < 50; i++) await session.run(feeds!);
  assert.equal(await allocated(), mark);
});

test('a stream of 10,000 steps, state fed back, takes no more memory', async () => {
  const hidden = 4;
  const state = { dims: [1, 1, hidden] };
  const model = onnxModel({
    nodes: [
      {
        op: 'LSTM',
        inputs: ['x', 'w', 'r', '', '', 'h0', 'c0'],
        outputs: ['y', 'h', 'c'],
        attributes: { hidden_size: hidden },
      },
    ],
    initializers: {
      w: { dims: [1, 4 * hidden, hidden], data: waves(4 * hidden * hidden) },
      r: { dims: [1, 4 * hidden, hidden], data: waves(4 * hidden * hidden).reverse() },
    },
    inputs: { x: { dims: [1, 1, hidden] }, h0: state, c0: state },
    outputs: { y: { dims: [1, 1, 1, hidden] }, h: state, c: state },
  });
  const tensor = (data: number[]) =>
    ({ type: 'float32', dims: [1, 1, hidden], data: Float32Array.from(data) }) as Tensor;
  const zero = tensor(Array(hidden).fill(0));
  const x = tensor(waves(hidden));
  const calibration = [{ x, h0: zero, c0: zero }];
  const { model: integer } = await eightfold.quantize(model, { calibration });
  for (const bytes of [model, integer]) {
    using session = await eightfold.createSession(bytes);
    let [h0, c0] = [zero, zero];
    const steps = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const { h, c } = await session.run({ x, h0, c0 });
        [h0, c0] = [h!, c!];
      }
    };
    await steps(100);
    const [mark, { heapBytes }] = [await allocated(), await eightfold.memory()];
    await steps(10_000);
    assert.equal(await allocated(), mark);
    assert.equal((await eightfold.memory()).heapBytes, heapBytes);
    assert.ok((h0.data as Float32Array).some((value) => value !== 0));
  }
});

test('calibration needs the same memory for 200 samples as for 20', async () => {
  const highWater = async (samples: number) => {
    const instance = await eightfold.createInstance();
    const calibration = digitSamples(128);
    const many = Array.from({ length: samples }, (_, i) => calibration[i % 128]!);
    let peak = 0;
    const pending: Promise<void>[] = [];
    const look = async () => {
      peak = Math.max(peak, (await instance.memory()).allocatedBytes);
    };
    const onProgress = () => void pending.push(look());
    await instance.quantize(digits(), { calibration: many, onProgress });
    await Promise.all(pending);
    return { peak, heap: (await instance.memory()).heapBytes };
  };
  const [few, many] = [await highWater(20), await highWater(200)];
  assert.ok(few.peak > digits().length);
  assert.ok(many.peak <= few.peak * 1.01, `${few.peak} and ${many.peak} bytes`);
  assert.ok(many.heap <= few.heap * 1.01);
});

test('arrays of failed calls are let go', async () => {
  const size = 32 << 20;
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 40; i++) {
    await assert.rejects(eightfold.loadModel(new Uint8Array(size)));
    // Collection of array buffers happens under pressure, and between tasks.
    await new Promise((done) => setImmediate(done));
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 20 * size, `${grown >> 20} MiB kept`);
});
