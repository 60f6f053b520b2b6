// Aborting long calls: at once, between samples, in each phase; and afterwards all is as before.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digitSamples, digits } from './support/digits.ts';
import { eightfold, type Phase } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';
import { type NodeSpec, onnxModel } from './support/onnx_builder.ts';

const calibration = digitSamples(24);

test('an aborted signal stops the call before it begins', async () => {
  let pulled = 0;
  function* samples() {
    pulled++;
    yield* calibration;
  }
  const signal = AbortSignal.abort();
  await rejects(() => eightfold.quantize(digits(), { calibration: samples(), signal }), {
    code: 'aborted',
  });
  assert.equal(pulled, 0);
});

const kPhases: Phase[] = ['load', 'fuse', 'calibrate', 'correct', 'convert', 'compare', 'export'];

test('an abort in any phase ends the call there, and the memory is free', async (t) => {
  await eightfold.quantize(digits(), { calibration });
  for (const phase of kPhases) {
    await t.test(phase, async () => {
      const run = async () => {
        const controller = new AbortController();
        let after = 0;
        await rejects(
          () =>
            eightfold.quantize(digits(), {
              calibration,
              signal: controller.signal,
              onProgress(progress) {
                if (controller.signal.aborted) after++;
                if (progress.phase === phase) controller.abort();
              },
            }),
          { code: 'aborted' },
        );
        assert.ok(after <= 1, `${after} more steps after the abort`);
      };
      await run();
      const mark = (await eightfold.memory()).allocatedBytes;
      await run();
      assert.equal((await eightfold.memory()).allocatedBytes, mark);
    });
  }
  const { report } = await eightfold.quantize(digits(), { calibration });
  assert.ok(report.outputs[0]!.sqnr > 20);
});

/** Convolutions one after another: a run of a second or so. */
function heavyModel(layers: number): Uint8Array {
  const nodes: NodeSpec[] = Array.from({ length: layers }, (_, i) => ({
    op: 'Conv',
    name: `conv${i}`,
    inputs: [i === 0 ? 'x' : `h${i}`, 'w'],
    outputs: [i === layers - 1 ? 'y' : `h${i + 1}`],
    attributes: { pads: [1, 1, 1, 1] },
  }));
  const weights = Array.from({ length: 16 * 16 * 9 }, (_, i) => Math.sin(i) / 144);
  return onnxModel({
    nodes,
    inputs: { x: { dims: [1, 16, 64, 64] } },
    outputs: { y: { dims: [1, 16, 64, 64] } },
    initializers: { w: { dims: [16, 16, 3, 3], data: weights } },
  });
}

test('an abort arrives between the nodes of one run', async () => {
  using session = await eightfold.createSession(heavyModel(500));
  const x = {
    type: 'float32',
    data: new Float32Array(16 * 64 * 64).fill(1),
    dims: [1, 16, 64, 64],
  } as const;
  const whole = performance.now();
  await session.run({ x });
  const full = performance.now() - whole;

  const begin = performance.now();
  const signal = AbortSignal.timeout(Math.round(full / 8));
  await rejects(() => session.run({ x }, { signal }), { code: 'aborted' });
  const took = performance.now() - begin;
  assert.ok(took < 0.75 * full, `aborted after ${took.toFixed(0)} of ${full.toFixed(0)} ms`);
  // And the session runs again, from the start.
  const { y } = await session.run({ x });
  assert.equal(y!.data.length, 16 * 64 * 64);
});

/** y = x + 1 in a Loop, `turns` times; for ever without a number. */
function loopModel(turns?: number): Uint8Array {
  return onnxModel({
    nodes: [
      {
        op: 'Loop',
        name: 'loop',
        inputs: [turns === undefined ? '' : 'turns', 'true', 'x'],
        outputs: ['y'],
        attributes: {
          body: {
            graph: {
              nodes: [
                { op: 'Identity', inputs: ['go'], outputs: ['goes_on'] },
                { op: 'Add', inputs: ['old', 'one'], outputs: ['new'] },
              ],
              inputs: {
                i: { type: 'int64', dims: [] },
                go: { type: 'bool', dims: [] },
                old: { dims: [64] },
              },
              outputs: { goes_on: { type: 'bool', dims: [] }, new: { dims: [64] } },
            },
          },
        },
      },
    ],
    inputs: { x: { dims: [64] } },
    outputs: { y: { dims: [64] } },
    initializers: {
      turns: { type: 'int64', dims: [], data: [turns ?? 0] },
      true: { type: 'bool', dims: [], data: [1] },
      one: { dims: [], data: [1] },
    },
  });
}

const kLoopFeeds = { x: { type: 'float32', data: new Float32Array(64), dims: [64] } } as const;

test('an abort arrives between the turns of a Loop', async () => {
  using session = await eightfold.createSession(loopModel());
  const signal = AbortSignal.timeout(50);
  await rejects(() => session.run(kLoopFeeds, { signal }), { code: 'aborted' });
  using counted = await eightfold.createSession(loopModel(3000));
  const { y } = await counted.run(kLoopFeeds);
  assert.deepEqual([...y!.data], Array(64).fill(3000));
});

test('a Loop without an end is stopped after as many turns as the session allows', async () => {
  using session = await eightfold.createSession(loopModel(), { bodyRunLimit: 500 });
  await rejects(() => session.run(kLoopFeeds), {
    code: 'limit_exceeded',
    node: 'loop',
    opType: 'Loop',
    message: /500 times/,
  });
  using enough = await eightfold.createSession(loopModel(500), { bodyRunLimit: 500 });
  assert.equal((await enough.run(kLoopFeeds)).y!.data[0], 500);
  const wrong = { code: 'invalid_config', message: /bodyRunLimit/ } as const;
  for (const bodyRunLimit of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    await rejects(() => eightfold.createSession(loopModel(1), { bodyRunLimit }), wrong);
  }
});

test('timers run while a long call works', async () => {
  using session = await eightfold.createSession(heavyModel(1000));
  const x = {
    type: 'float32',
    data: new Float32Array(16 * 64 * 64),
    dims: [1, 16, 64, 64],
  } as const;
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await session.run({ x });
  clearInterval(timer);
  assert.ok(ticks >= 3, `${ticks} ticks`);
});
