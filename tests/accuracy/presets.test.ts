// Every backend preset, every mode and both formats, on every model: it converts, our Session runs the file, and
// onnxruntime-web loads it and agrees. Accuracy is not judged here (two samples calibrate), only that no
// preset makes a model that is broken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QuantizeOptions } from '../../bindings/js/types.ts';
import { haveData, kDataFolder, kNoData, readModel } from './data.ts';
import { backendNames, eightfold, quantizeWith } from './eightfold.ts';
import { calibrationFeeds, feedsOf } from './evaluate.ts';
import { groupDistances } from './groups.ts';
import { Sqnr } from './metrics.ts';
import { kModels, type ModelRow } from './models.ts';
import { type Engine, ortWeb } from './runners.ts';
import { pick } from './samples.ts';
import type { Feeds } from './tensor.ts';

const kCalibration = 2;
// Between the runtimes: integers are equal, floats between them may move a tie by a step, and a step goes far through
// gates and recurrent layers.
const kLeastAgreement = 25;
// A stream is calibrated with one step of so many.
const kEvery = 8;
// Where the whole models differ by more. There each group of the file is compared alone: within one step, and equal
// but for this share of its elements.
const kMostTies = 1e-4;
const kDiffer: Readonly<Record<string, string>> = {
  'ppocr-angle-cls {"backend":"executorch"}':
    'a tie in four products of 190,000 is 15 dB in two probabilities; onnxruntime-web differs as much from itself ' +
    'when the integers are among the outputs',
  'ppocr-angle-cls {"backend":"tensorrt"}':
    'one convolution of 600,000 is on a tie, for its float bias is rounded to integers',
};
// Against float: noise, zeros and saturation everywhere are what a broken file gives.
const kLeastLikeness = 3;

// Hard gates saturate on what two crops have not shown.
const kMoreSamples: Readonly<Record<string, number>> = { 'ppocr-angle-cls': 9 };

const skip = haveData() ? false : kNoData;
if (skip) console.log(`presets: skipped, ${skip}; looked in ${kDataFolder}`);

const kModes: QuantizeOptions['mode'][] = ['dynamic', 'weight_only', 'float16'];

async function thinned(all: AsyncIterable<Feeds>, every: number): Promise<Feeds[]> {
  const kept: Feeds[] = [];
  let index = 0;
  for await (const feeds of all) if (index++ % every === 0) kept.push(feeds);
  return kept;
}

async function* each(feeds: readonly Feeds[]): AsyncGenerator<Feeds> {
  yield* feeds;
}

async function outputsOf(engine: Engine, model: Uint8Array, feeds: Feeds): Promise<Feeds> {
  const runner = await engine.open(model);
  try {
    return await runner.run(feeds);
  } finally {
    await runner.close();
  }
}

function decibels(row: ModelRow, wanted: Feeds, got: Feeds): number {
  const sqnr = new Sqnr();
  for (const name of row.signals) {
    const values = got[name]!.data as Float32Array;
    assert.ok(values.every(Number.isFinite), `${name} holds NaN or infinity`);
    sqnr.add(wanted[name]!.data as Float32Array, values);
  }
  return sqnr.decibels;
}

async function assertGroupsAgree(model: Uint8Array, feeds: Feeds): Promise<void> {
  const distances = await groupDistances(model, feeds);
  assert.ok(distances.size > 0);
  let [elements, differing] = [0, 0];
  for (const [group, distance] of distances) {
    assert.ok(distance.steps <= 1, `${group} is off by ${distance.steps} steps`);
    elements += distance.elements;
    differing += distance.differing;
  }
  assert.ok(differing <= kMostTies * elements, `${differing} of ${elements} integers differ`);
}

for (const row of kModels) {
  test(`${row.name} by every preset and mode`, { skip }, async (t) => {
    const sets = await row.sets();
    const model = readModel(row.name);
    const every = row.stream ? kEvery : 1;
    const many = (kMoreSamples[row.name] ?? every) * kCalibration;
    const few = pick(sets.calibration, (i) => i < many);
    const calibration = await thinned(calibrationFeeds(model, few, row), every);
    const [feeds] = feedsOf(sets.test, { ...row, batch: 1 });
    const float = await outputsOf(ortWeb, model, feeds!);
    const choices: Omit<QuantizeOptions, 'calibration'>[] = [
      ...(await backendNames()).map((backend) => ({ backend })),
      ...kModes.map((mode) => ({ mode })),
      { format: 'qoperator' },
    ];
    for (const choice of choices) {
      const name = JSON.stringify(choice);
      const quantized = await quantizeWith(model, each(calibration), {
        biasCorrection: false,
        compareSamples: 0,
        ...choice,
      });
      const ours = await outputsOf(eightfold, quantized.model, feeds!);
      const theirs = await outputsOf(ortWeb, quantized.model, feeds!);
      const agreement = row.signals.length ? decibels(row, theirs, ours) : Number.POSITIVE_INFINITY;
      const likeness = row.signals.length ? decibels(row, float, ours) : Number.POSITIVE_INFINITY;
      const share = (quantized.report.int8MacShare * 100).toFixed(0);
      t.diagnostic(
        `${name.padEnd(26)} int8 MACs ${share} %, runtimes ${agreement.toFixed(1)} dB, float ${likeness.toFixed(1)} dB`,
      );
      const exception = kDiffer[`${row.name} ${name}`];
      if (exception) {
        t.diagnostic(exception);
        await assertGroupsAgree(quantized.model, feeds!);
      } else {
        const told = `${name}: the runtimes agree to ${agreement} dB`;
        assert.ok(agreement >= kLeastAgreement, told);
      }
      assert.ok(likeness >= kLeastLikeness, `${name}: ${likeness} dB against float`);
    }
  });
}
