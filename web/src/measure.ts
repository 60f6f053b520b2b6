// What the page itself measures of a float and an int8 session: time per sample, agreement and accuracy on the samples
// to check on. Both are limited in time, so that a large model does not keep the report waiting.
import type { Feeds, ModelInfo, Tensor } from '../../bindings/js/types.ts';
import { batchOf } from './batch.ts';
import type { Runner } from './core.ts';
import { argmax, median, values } from './numbers.ts';
import type { Watch } from './progress.ts';
import type { SampleSet } from './samples.ts';
import type { Sessions } from './sessions.ts';

export interface Latency {
  /** Milliseconds of one sample. */
  float: number;
  int8: number;
  /** Samples in one run. */
  rows: number;
}

export interface Agreement {
  samples: number;
  /** Share of samples whose best class is the same in both, 0..1. */
  agreement: number;
  /** Share of right answers, where the samples have labels. */
  accuracy?: { float: number; int8: number };
}

const kLatencyMs = 600;
const kFastMs = 5;
const kFastRuns = 16;
const kProbes = 8;
const kRows = 64;
const kFewestRounds = 3;
const kAgreementMs = 8000;

export interface Measured {
  info: ModelInfo;
  check: SampleSet;
}

/** Milliseconds of a run, over so many: clocks of pages tell a tenth of a millisecond at best. */
async function timed(runner: Runner, feeds: Feeds, runs = 1): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; ++i) await runner.run(feeds);
  return (performance.now() - start) / runs;
}

/** Fast at least once: first runs, and runs on a busy machine, take longer than the model needs. */
async function isFast(runner: Runner, feeds: Feeds): Promise<boolean> {
  for (let round = 0; round < kProbes; ++round)
    if ((await timed(runner, feeds)) < kFastMs) return true;
  return false;
}

/** A model so fast that the way to the worker would be what is measured runs on many samples at once, if it can. */
async function feedsToTime(float: Runner, { info, check }: Measured) {
  const one = { feeds: await check.at(0), rows: 1, runs: 1 };
  if (!(await isFast(float, one.feeds))) return one;
  const often = { ...one, runs: kFastRuns };
  const many = await batchOf(info, check, kRows);
  // A free first dimension is a promise that not every model keeps.
  return float.run(many.feeds).then(
    () => (many.rows > 1 ? { ...many, runs: 1 } : often),
    () => often,
  );
}

/** Medians; the rounds alternate, so that both models meet the same disturbances. */
export async function latency(
  { float, int8 }: Sessions,
  measured: Measured,
  signal: AbortSignal,
): Promise<Latency> {
  const { feeds, rows, runs } = await feedsToTime(float, measured);
  const times: Record<'float' | 'int8', number[]> = { float: [], int8: [] };
  await int8.run(feeds);
  const end = performance.now() + kLatencyMs;
  while (times.int8.length < kFewestRounds || performance.now() < end) {
    signal.throwIfAborted();
    times.float.push((await timed(float, feeds, runs)) / rows);
    times.int8.push((await timed(int8, feeds, runs)) / rows);
  }
  return { float: median(times.float), int8: median(times.int8), rows };
}

/** The best class of an output of class scores for one sample; undefined for other outputs. */
function classOf(tensor: Tensor | undefined): number | undefined {
  const isVector = tensor?.dims.filter((dim) => dim !== 1).length === 1;
  return isVector ? argmax(values(tensor)) : undefined;
}

/** Undefined when the first output is no vector of scores. */
export async function agreement(
  { float, int8 }: Sessions,
  set: SampleSet,
  { signal, onProgress }: Watch,
): Promise<Agreement | undefined> {
  const output = float.outputNames[0]!;
  const hits = { same: 0, float: 0, int8: 0 };
  const end = performance.now() + kAgreementMs;
  let samples = 0;
  for (; samples < set.length && (samples === 0 || performance.now() < end); ++samples) {
    signal.throwIfAborted();
    onProgress({ phase: 'measure', done: samples, total: set.length });
    const feeds = await set.at(samples);
    const one = classOf((await float.run(feeds))[output]);
    const other = classOf((await int8.run(feeds))[output]);
    if (one === undefined || other === undefined) return undefined;
    const label = set.labels?.[samples];
    hits.same += Number(one === other);
    hits.float += Number(one === label);
    hits.int8 += Number(other === label);
  }
  const accuracy = set.labels && { float: hits.float / samples, int8: hits.int8 / samples };
  return { samples, agreement: hits.same / samples, accuracy };
}
