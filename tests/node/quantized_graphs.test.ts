// QDQ files as other tools write them: seeded random graphs, lowered here to integers and by onnxruntime-web in its own
// way, give the same bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSame, runBoth } from './support/both_runtimes.ts';
import { eightfold } from './support/eightfold.ts';
import { kManners, QdqGraph, randomQdqGraph } from './support/qdq_graphs.ts';

const kSeeds = Number(process.env.SEEDS ?? 25);

for (const [name, manner] of Object.entries(kManners)) {
  test(`random QDQ graphs in the manner of ${name}`, async () => {
    for (let seed = 1; seed <= kSeeds; ++seed) {
      const graph = randomQdqGraph(manner, seed);
      const what = `seed ${seed}, ${[...graph.ops.keys()].join(' ')}:`;
      const bytes = graph.writer.bytes();
      assertSame(await runBoth(bytes, graph.writer.feeds), {}, what);
      const model = await eightfold.loadModel(bytes);
      const lowered = await eightfold.lower(model);
      const { ops } = await eightfold.inspect(lowered);
      // Integers from the first pair to the last.
      assert.equal(ops.QuantizeLinear, 1, `${what} ${JSON.stringify(ops)}`);
      assert.equal(ops.DequantizeLinear, 1, `${what} ${JSON.stringify(ops)}`);
      model.delete();
      lowered.delete();
      if (seed > 3) continue;
      const explained = await eightfold.explain(bytes);
      assert.equal(explained.floatNodes, 0, what);
      assert.ok(explained.nodes.some(({ runsAs }) => /QLinearConv$/.test(runsAs)));
    }
  });
}

test('AveragePool of QDQ files is within a step: averages stand on ties, and sums of floats may be taken in any order', async () => {
  for (const manner of Object.values(kManners)) {
    for (let seed = 1; seed <= 5; ++seed) {
      const graph = new QdqGraph(manner, seed);
      const y = graph.averagePool(graph.input([1, 3, 7, 6]));
      graph.finish(y);
      const { ours, theirs } = await runBoth(graph.writer.bytes(), graph.writer.feeds);
      const a = ours[y.name]!.data as Float32Array;
      const b = theirs[y.name]!.data as Float32Array;
      a.forEach((value, i) => assert.ok(Math.abs(value - b[i]!) <= y.scale * 1.001));
      assert.ok(a.filter((value, i) => value !== b[i]).length * 10 <= a.length);
    }
  }
});
