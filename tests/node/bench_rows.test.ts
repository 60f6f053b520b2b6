// A row of the page's benchmark: engines in turns, reasons in place of engines that do not open, an end when told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { speedup } from '../../bindings/js/cli/rounds.ts';
import { kLayers, layerFeeds } from '../../web/src/bench/layers.ts';
import { benchRow, type OpenEngine } from '../../web/src/bench/rows.ts';
import { layerNames, type Subject, subjectOf } from '../../web/src/bench/subjects.ts';
import { eightfold } from './support/eightfold.ts';

/** An engine that notes when it runs, and whether it was closed. */
function noting(name: string, log: string[]) {
  return async (): Promise<OpenEngine> => ({
    name,
    run: async () => {
      log.push(name);
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
    close: () => {
      log.push(`close ${name}`);
    },
  });
}

/** Runs of one engine after another count once. */
const turns = (log: readonly string[]) => log.filter((name, i) => name !== log[i - 1]);

test('engines run in turns, and are closed', async () => {
  const log: string[] = [];
  const rounds: number[] = [];
  const row = await benchRow(
    'row',
    {
      float: noting('a', log),
      int8: noting('b', log),
      peerFloat: () => Promise.reject(new Error('not today\nat line 1')),
    },
    3,
    async (round) => void rounds.push(round),
  );
  assert.deepEqual(turns(log), ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b', 'close a', 'close b']);
  assert.deepEqual(rounds.slice(-3), [0, 1, 2]);
  assert.deepEqual(row.cells.peerFloat, { reason: 'not today' });
  assert.ok(!('peerInt8' in row.cells));
  const { float, int8 } = row.cells;
  assert.ok(float && 'speed' in float && int8 && 'ms' in int8);
  assert.deepEqual(float.speed, { median: 1, low: 1, high: 1 });
  assert.ok(int8.ms.low >= 15 && int8.ms.low <= int8.ms.median && int8.ms.median <= int8.ms.high);
});

test('a row ends when it is told, and closes what it opened', async () => {
  const log: string[] = [];
  const stop = new Error('cancelled');
  const between = async (round: number) => {
    if (round === 1) throw stop;
  };
  await assert.rejects(benchRow('row', { float: noting('a', log) }, 3, between), stop);
  assert.equal(log.at(-1), 'close a');
  await assert.rejects(
    benchRow('row', { float: () => Promise.reject(stop) }, 3, async () => {}),
    stop,
  );
});

test('speeds are compared round by round', () => {
  assert.deepEqual(speedup([2, 4, 6], [1, 1, 1]), { median: 4, low: 2, high: 6 });
});

test('the layers of the page run, and int8 gives what float gives', async () => {
  assert.deepEqual(
    layerNames().map((name) => kLayers.find((layer) => layer.name === name)!.kind),
    ['window', 'pointwise', 'depthwise', 'vector'],
  );
  for (const layer of layerNames()) {
    const { float, int8 }: Subject = subjectOf({ layer });
    const outputs: number[][] = [];
    for (const { model, feeds } of [float, int8]) {
      assert.ok(model.length < 16e6, `${model.length} bytes`);
      const session = await eightfold.createSession(model);
      outputs.push(Array.from((await session.run(feeds)).y!.data as Float32Array, Number));
      session.delete();
    }
    const real = outputs[1]!.map((q) => (q - 128) / 128);
    const inside = real.map((_, i) => i).filter((i) => Math.abs(outputs[0]![i]!) < 0.95);
    assert.ok(inside.length > 0);
    const error =
      inside.reduce((sum, i) => sum + Math.abs(real[i]! - outputs[0]![i]!), 0) / inside.length;
    assert.ok(error < 0.1, `${layer}: mean error ${error}`);
  }
  const { dims, data } = layerFeeds(kLayers[0]!).integers.x;
  assert.equal(
    dims.reduce((a, b) => a * b, 1),
    data.length,
  );
});
