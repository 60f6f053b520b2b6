// Interleaved timing: engines run in one process in turns, so that a change of the machine's speed hits all of
// them. A round is the median of a few runs; ratios are taken within each round.

export interface Engine {
  name: string;
  run(): Promise<unknown>;
}

const kWarmUpMs = 300;
const kRoundMs = 60;

export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** Median with the tenth and ninetieth percentile. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return { median: at(0.5), low: at(0.1), high: at(0.9) };
}

/** How many times as fast as `theirs` ours are, round by round. */
export const speedup = (theirs: readonly number[], ours: readonly number[]): Spread =>
  spread(theirs.map((time, i) => time / ours[i]!));

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

/** Milliseconds of each engine in each round; `between` is awaited before each of them, and ends all when it throws. */
export async function measure(
  engines: readonly Engine[],
  rounds: number,
  between: (round: number) => Promise<void> | void = () => {},
): Promise<number[][]> {
  const runs: number[] = [];
  for (const engine of engines) runs.push(await warmUp(engine));
  const times: number[][] = engines.map(() => []);
  for (let i = 0; i < rounds; i++) {
    await between(i);
    for (const [k, engine] of engines.entries()) times[k]!.push(await round(engine, runs[k]!));
  }
  return times;
}
