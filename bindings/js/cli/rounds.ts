// Interleaved timing: engines run in one process in turns, so that a change of the machine's speed hits all of
// them. A round is the median of a few looks at the clock, some runs apart; ratios are taken within each round.

export interface Engine {
  name: string;
  run(): Promise<unknown>;
}

const kWarmUpMs = 300;
const kRoundMs = 60;
// Clocks of pages tell a tenth of a millisecond at best.
const kLookMs = 4;

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

/** Milliseconds of one run, over so many. */
async function timed(engine: Engine, runs: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; i++) await engine.run();
  return (performance.now() - start) / runs;
}

/** How often an engine runs between two looks at the clock, and how often it is looked at in a round. */
interface Plan {
  runs: number;
  looks: number;
}

/** Median milliseconds of one run over a round. */
async function round(engine: Engine, { runs, looks }: Plan): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < looks; i++) times.push(await timed(engine, runs));
  return spread(times).median;
}

/** Runs for so long; the mean of a run. */
async function settle(engine: Engine, forMs: number): Promise<number> {
  const start = performance.now();
  let runs = 0;
  do {
    await engine.run();
    ++runs;
  } while (performance.now() - start < forMs);
  return (performance.now() - start) / runs;
}

/** Runs until the compilers of the engine have settled, and plans its rounds. */
async function warmUp(engine: Engine): Promise<Plan> {
  await settle(engine, kWarmUpMs);
  const run = await settle(engine, kRoundMs);
  const runs = Math.max(1, Math.ceil(kLookMs / run));
  return { runs, looks: Math.max(1, Math.round(kRoundMs / (runs * run))) };
}

/** Milliseconds of each engine in each round; `between` is awaited before each of them, and ends all when it throws. */
export async function measure(
  engines: readonly Engine[],
  rounds: number,
  between: (round: number) => Promise<void> | void = () => {},
): Promise<number[][]> {
  const plans: Plan[] = [];
  for (const engine of engines) plans.push(await warmUp(engine));
  const times: number[][] = engines.map(() => []);
  for (let i = 0; i < rounds; i++) {
    await between(i);
    for (const [k, engine] of engines.entries()) times[k]!.push(await round(engine, plans[k]!));
  }
  return times;
}
