// eightfold bench MODEL [--against onnxruntime-web]
//
// Both engines run in this process in turns (rounds.ts), on one thread each; the ratio is taken within each round.
import type { Session } from '../api.ts';
import { EightfoldError } from '../errors.ts';
import { init } from '../index.ts';
import { openData } from '../node/data.ts';
import { readModelFile } from '../node/files.ts';
import type { Feeds } from '../types.ts';
import { openOnnxRuntimeWeb } from './onnxruntime_web.ts';
import { type ImageFlags, imageFormOf } from './options.ts';
import { randomFeeds } from './random_feeds.ts';
import { type Engine, measure, type Spread, speedup, spread } from './rounds.ts';
import { print, printJson, table } from './text.ts';

interface Flags extends ImageFlags {
  against?: 'onnxruntime-web';
  inputs?: string;
  rounds: number;
  json?: boolean;
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
  const eightfold = await init(flags.against && { threads: 1 });
  const { inputs } = await eightfold.inspect(bytes, load);
  const session = await eightfold.createSession(bytes, load);
  const feeds = await sampleOf(flags, session, randomFeeds(inputs), inputs);
  const engines: Engine[] = [{ name: 'eightfold', run: () => session.run(feeds) }];
  if (flags.against) engines.push(await openOnnxRuntimeWeb(path, feeds));
  const times = await measure(engines, flags.rounds);
  const spreads = times.map(spread);
  const [ours, theirs] = times as [number[], number[]?];
  const ratio = theirs && speedup(theirs, ours);
  const names = engines.map(({ name }) => name);
  session.delete();
  if (!flags.json) return print(describe(names, spreads, ratio));
  const rows = names.map((name, i) => ({ engine: name, ...spreads[i] }));
  printJson({ unit: 'ms', rounds: flags.rounds, build: eightfold.build, engines: rows, ratio });
}
