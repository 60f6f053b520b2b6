// Float conformance: Eightfold's Session on the unquantized models reproduces every recorded run
// (test_data_set_K), and at a batch size that was not recorded it agrees with onnxruntime-web.
// Tolerance per element: |got - want| <= 1e-4 |want| + 5e-6 max|want|; integers exactly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { haveData, kDataFolder, kNoData, readModel } from './data.ts';
import { eightfold } from './eightfold.ts';
import { feedsOf } from './evaluate.ts';
import { kModels, type ModelRow } from './models.ts';
import { recordedRuns } from './recorded.ts';
import { type Engine, ortWeb, type Runner } from './runners.ts';
import { type Feeds, type Tensor, toFloats } from './tensor.ts';

const kRelative = 1e-4;
const kOfLargest = 5e-6;
const kOddBatch = 3;

const skip = haveData() ? false : kNoData;
if (skip) console.log(`float conformance: skipped, ${skip}; looked in ${kDataFolder}`);

function assertSame(got: Tensor, want: Tensor, what: string): void {
  assert.equal(got.type, want.type, `${what}: type`);
  assert.deepEqual([...got.dims], [...want.dims], `${what}: dims`);
  const [a, b] = [toFloats(got.data), toFloats(want.data)];
  assert.equal(a.length, b.length, `${what}: element count`);
  const floats = want.type.startsWith('float');
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (let i = 0; i < b.length; ++i) {
    const allowed = floats ? kRelative * Math.abs(b[i]!) + kOfLargest * largest : 0;
    // Written so that a NaN fails.
    if (!(Math.abs(a[i]! - b[i]!) <= allowed))
      assert.fail(`${what}[${i}] is ${a[i]}, wanted ${b[i]}`);
  }
}

async function withRunner(
  engine: Engine,
  row: ModelRow,
  use: (runner: Runner) => Promise<void>,
): Promise<void> {
  const runner = await engine.open(readModel(row.name));
  try {
    await use(runner);
  } finally {
    await runner.close();
  }
}

function named(names: readonly string[], tensors: readonly Tensor[]): Feeds {
  assert.equal(
    tensors.length,
    names.length,
    `${tensors.length} recorded tensors for ${names.join(', ')}`,
  );
  return Object.fromEntries(names.map((name, k) => [name, tensors[k]!]));
}

async function reproduces(runner: Runner, row: ModelRow): Promise<void> {
  const runs = recordedRuns(row.name);
  assert.ok(runs.length > 0, `${row.name} has no recorded run`);
  for (const { name, inputs, outputs } of runs) {
    const got = await runner.run(named(runner.inputNames, inputs));
    const want = named(runner.outputNames, outputs);
    for (const output of runner.outputNames)
      assertSame(got[output]!, want[output]!, `${row.name} ${name} ${output}`);
  }
}

for (const row of kModels) {
  for (const engine of [ortWeb, eightfold]) {
    test(`${row.name} on ${engine.name} reproduces its recorded runs`, { skip }, () =>
      withRunner(engine, row, (runner) => reproduces(runner, row)),
    );
  }
}

for (const row of kModels.filter(({ freeBatch }) => freeBatch)) {
  test(`${row.name} at batch ${kOddBatch} agrees with onnxruntime-web`, { skip }, async () => {
    const { test: samples } = await row.sets();
    const [feeds] = feedsOf(samples, { ...row, batch: kOddBatch });
    await withRunner(ortWeb, row, (theirs) =>
      withRunner(eightfold, row, async (ours) => {
        const [want, got] = [await theirs.run(feeds!), await ours.run(feeds!)];
        for (const name of theirs.outputNames)
          assertSame(got[name]!, want[name]!, `${row.name} ${name}`);
      }),
    );
  });
}
