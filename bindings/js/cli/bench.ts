// eightfold bench MODEL [--against onnxruntime-web]
//
// Both engines run in this process in turns, so that a change of the machine's speed hits both. A
// round is the median of a few runs; the ratio is taken within each round.
import type { Session } from '../api.ts';
import { EightfoldError } from '../errors.ts';
import { init } from '../index.ts';
import { openData } from '../node/data.ts';
import { readModelFile } from '../node/files.ts';
import type { Feeds } from '../types.ts';
import { type Engine, openOnnxRuntimeWeb } from './onnxruntime_web.ts';
import { type ImageFlags, imageFormOf } from './options.ts';
import { randomFeeds } from './random_feeds.ts';
import { print, printJson, table } from './text.ts';

interface Flags extends ImageFlags {
  against?: 'onnxruntime-web';
  inputs?: string;
  rounds: number;
  json?: boolean;
}

const kWarmUpMs = 300;
const kRoundMs = 60;

interface Spread {
  median: number;
  low: number;
  high: number;
}

/** Median with the tenth and ninetieth percentile. */
function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return { median: at(0.5), low: at(0.1), high: at(0.9) };
}

async function timed(engine: Engine): Promise<number> {
  const start = performance.now();
  await engine.run();
  return performance.now() - start;
}

/** Median milliseconds of one run over a round. */
async function round(engine: Engine, runs: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push(await timed(engine));
  return spread(times).median;
}

/** Runs until the compilers of the engine have settled; the number of runs that fill a round. */
async function warmUp(engine: Engine): Promise<number> {
  const end = performance.now() + kWarmUpMs;
  let last = await timed(engine);
  while (performance.now() < end) last = await timed(engine);
  return Math.max(1, Math.min(200, Math.round(kRoundMs / last)));
}

async function measure(engines: readonly Engine[], rounds: number): Promise<number[][]> {
  const runs: number[] = [];
  for (const engine of engines) runs.push(await warmUp(engine));
  const times: number[][] = engines.map(() => []);
  for (let i = 0; i < rounds; i++) {
    for (const [k, engine] of engines.entries()) times[k]!.push(await round(engine, runs[k]!));
  }
  return times;
}

async function sampleOf(
  flags: Flags,
  session: Session,
  random: Feeds,
  inputs: Parameters<typeof openData>[1],
): Promise<Feeds> {
  if (!flags.inputs) return random;
  for await (const feeds of openData(flags.inputs, inputs, imageFormOf(flags))) return feeds;
  throw new EightfoldError(
    'invalid_data',
    `there is no sample for ${session.inputNames.join(', ')}`,
  );
}

function describe(
  names: readonly string[],
  times: readonly Spread[],
  ratio: Spread | undefined,
): string {
  const ms = (value: number) => value.toFixed(value < 10 ? 3 : 1);
  const rows = names.map((name, i) => {
    const { median, low, high } = times[i]!;
    return [name, ms(median), ms(low), ms(high)];
  });
  const lines = [table(['engine', 'median ms', '10 %', '90 %'], rows)];
  if (ratio) {
    const [mid, low, high] = [ratio.median, ratio.low, ratio.high].map((value) => value.toFixed(2));
    lines.push('', `eightfold is ${mid} times as fast as ${names[1]} (${low} to ${high})`);
  }
  return lines.join('\n');
}

export async function bench(path: string, flags: Flags): Promise<void> {
  const { bytes, options: load } = readModelFile(path);
  const eightfold = await init();
  const { inputs } = await eightfold.inspect(bytes, load);
  const session = await eightfold.createSession(bytes, load);
  const feeds = await sampleOf(flags, session, randomFeeds(inputs), inputs);
  const engines: Engine[] = [{ name: 'eightfold', run: () => session.run(feeds) }];
  if (flags.against) engines.push(await openOnnxRuntimeWeb(path, feeds));
  const times = await measure(engines, flags.rounds);
  const spreads = times.map(spread);
  const [ours, theirs] = times as [number[], number[]?];
  const ratio = theirs ? spread(theirs.map((time, i) => time / ours[i]!)) : undefined;
  const names = engines.map(({ name }) => name);
  session.delete();
  if (!flags.json) return print(describe(names, spreads, ratio));
  const rows = names.map((name, i) => ({ engine: name, ...spreads[i] }));
  printJson({ unit: 'ms', rounds: flags.rounds, build: eightfold.build, engines: rows, ratio });
}
