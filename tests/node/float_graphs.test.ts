// Random float graphs against onnxruntime-web: sums in another order, no more. A seed that fails is in the message;
// SEED=n runs that one alone, SEEDS=n as many.
import { test } from 'node:test';
import { assertSame, runBoth } from './support/both_runtimes.ts';
import { randomFloatGraph } from './support/float_graphs.ts';

const kSeeds = Number(process.env.SEEDS ?? 300);
const kOnly = process.env.SEED ? Number(process.env.SEED) : undefined;
// Of the largest value; where that is a difference of greater ones, a millionth.
const kTolerance = { relative: 1e-4, absolute: 1e-6 };

test('random float graphs equal onnxruntime-web', async (context) => {
  const seen = new Map<string, number>();
  for (let seed = kOnly ?? 1; seed <= (kOnly ?? kSeeds); ++seed) {
    const graph = randomFloatGraph(seed);
    const what = `seed ${seed}, opset ${graph.opset}, ${graph.ops.join(' ')}:`;
    for (const op of graph.ops) seen.set(op, (seen.get(op) ?? 0) + 1);
    try {
      assertSame(await runBoth(graph.writer.bytes(), graph.writer.feeds), kTolerance, what);
    } catch (error) {
      throw new Error(`${what} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  context.diagnostic([...seen].map(([op, times]) => `${op} ${times}`).join(', '));
});
