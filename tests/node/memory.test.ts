// Memory: constant over the number of samples, back at its mark after each call.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digitSamples, digits } from './support/digits.ts';
import { eightfold } from './support/eightfold.ts';

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
