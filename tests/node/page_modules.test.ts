// The parts of the page that need no page: what it says of the mode auto, how two runs over a recording are compared.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayerReport } from '../../bindings/js/types.ts';
import { autoLine, runsAs } from '../../web/src/auto_view.ts';
import { envelope, streamScore } from '../../web/src/stream_score.ts';

const layer = (node: string, macs: number, int8 = true): LayerReport => ({
  node,
  opType: 'Conv',
  output: node,
  macs,
  int8,
});

const kLayers = [layer('a', 9), layer('b', 9), layer('pool', 0), layer('c', 9, false)];
const kOptions = { accuracyBudget: 2 };

test('auto: a word for each layer, a sentence for all', () => {
  const words = (exact?: string[]) => kLayers.map(runsAs({ exact, layers: kLayers }));
  const line = (exact?: string[]) =>
    autoLine({ report: { exact, layers: kLayers }, options: kOptions });
  assert.deepEqual(words(['b']), ['turbo', 'exact8', 'int8', 'float']);
  assert.match(line(['b'])!, /1 of 2 layers.* 2 dB/);
  assert.match(line([])!, /every layer, and no output loses more than 2 dB/);
  assert.match(line(['a', 'b'])!, /every layer stays exact8/);
  assert.deepEqual(words(undefined), ['int8', 'int8', 'int8', 'float']);
  assert.equal(line(undefined), undefined);
});

test('two runs over a recording: mean and largest error, the same side of one half', () => {
  const float = Float32Array.of(0.25, 0.75, 0.5, 1);
  const int8 = Float32Array.of(0.25, 0.25, 0.75, 0.75);
  assert.deepEqual(streamScore(float, int8), {
    windows: 4,
    meanError: 0.25,
    largestError: 0.5,
    agreement: 0.5, // 0.5 itself is not above
  });
  assert.equal(streamScore(float, float).agreement, 1);
});

test('the envelope touches every sample and reaches the full height', () => {
  const signal = Float32Array.from({ length: 1001 }, (_, i) => Math.sin(i) / 4);
  for (const columns of [1, 7, 1001]) {
    const parts = envelope(signal, columns);
    assert.equal(parts.length, columns);
    const peak = Math.max(...signal.map(Math.abs));
    const [least, most] = [Math.min(...signal) / peak, Math.max(...signal) / peak];
    assert.equal(Math.min(...parts.map(({ low }) => low)), least);
    assert.equal(Math.max(...parts.map(({ high }) => high)), most);
    assert.ok(parts.every(({ low, high }) => low <= high));
  }
  assert.deepEqual(envelope(new Float32Array(4), 2), [
    { low: 0, high: 0 },
    { low: 0, high: 0 },
  ]);
});
