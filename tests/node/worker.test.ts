// The same verbs in a worker thread.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { digitSamples, digits } from './support/digits.ts';
import { eightfold, type Feeds, node, type Progress } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';

const worker = await node.startWorker();
after(() => worker.terminate());

const samples = digitSamples(24);

test('quantize() in a worker gives the same file and report', async () => {
  const progress: Progress[] = [];
  const options = { calibration: samples, onProgress: (p: Progress) => void progress.push(p) };
  const there = await worker.quantize(digits(), options);
  const here = await eightfold.quantize(digits(), { calibration: samples });
  assert.deepEqual(there.model, here.model);
  assert.deepEqual(there.report, here.report);
  assert.equal(progress.filter(({ phase }) => phase === 'calibrate').length, 25);
});

test('handles cross over', async () => {
  using model = await worker.loadModel(digits());
  assert.equal(model.info.ops.Conv, 5);
  using fused = await worker.fuse(model);
  using prepared = await worker.prepare(fused, { observer: 'MinMaxObserver' });
  await worker.calibrate(prepared, samples);
  assert.equal(await prepared.samples(), samples.length);
  await worker.correctBias(prepared, samples);
  using quantized = await worker.convert(prepared);
  using lowered = await worker.lower(quantized);
  assert.match(await lowered.text(), /QLinearConv/);
  const file = await worker.toOnnx(quantized);
  const wanted = await eightfold.quantize(digits(), {
    calibration: samples,
    observer: 'MinMaxObserver',
  });
  assert.deepEqual(file, wanted.model);
  const comparison = await worker.compare(model, file, samples);
  assert.equal(comparison.samples, samples.length);
});

test('a session in a worker computes the same bytes', async () => {
  const there = await worker.createSession(digits());
  const here = await eightfold.createSession(digits());
  for (const feeds of samples.slice(0, 4)) {
    assert.deepEqual(await there.run(feeds), await here.run(feeds));
  }
  there.delete();
  here.delete();
  await rejects(() => there.run(samples[0]!), { code: 'invalid_state' });
});

test('samples are pulled one by one, from generators too', async () => {
  let ahead = 0;
  async function* stream(): AsyncGenerator<Feeds> {
    for (const feeds of samples) {
      ahead++;
      yield feeds;
      ahead--;
      assert.ok(ahead <= 1);
    }
  }
  const { report } = await worker.quantize(digits(), { calibration: stream() });
  assert.equal(report.samples, samples.length);
});

test('an abort crosses over, and the worker goes on working', async () => {
  const controller = new AbortController();
  let calls = 0;
  await rejects(
    () =>
      worker.quantize(digits(), {
        calibration: samples,
        signal: controller.signal,
        onProgress: () => {
          if (++calls === 12) controller.abort();
        },
      }),
    { code: 'aborted' },
  );
  const signal = AbortSignal.abort();
  await rejects(() => worker.quantize(digits(), { calibration: samples, signal }), {
    code: 'aborted',
  });
  assert.ok((await worker.quantize(digits(), { calibration: samples })).model.length > 0);
});

test('errors cross over with their parts', async () => {
  const error = await rejects(() => worker.loadModel(digits().slice(0, 999)), {
    code: 'invalid_model',
  });
  assert.ok(error.hint.length > 0);
  const session = await worker.createSession(digits());
  await rejects(() => session.run({}), { code: 'invalid_input' });
  session.delete();
});

test("an error of the user's generator ends the call", async () => {
  async function* broken(): AsyncGenerator<Feeds> {
    yield samples[0]!;
    throw new Error('no more film');
  }
  await assert.rejects(worker.quantize(digits(), { calibration: broken() }), /no more film/);
});

test('a worker whose module cannot start says so', async () => {
  await rejects(() => node.startWorker({ wasmBinary: new Uint8Array(8) }), { code: 'internal' });
});
