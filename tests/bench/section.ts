// A section of the bench: a table with one row per subject. Adding a section is adding one to kSections in
// sections.ts; the page, the terminal and the JSON show what it returns.
import { measure, type Spread, speedup, spread } from '../../bindings/js/cli/rounds.ts';
import type { OpenEngine } from './engines.ts';

/** What one cell says: milliseconds, 10^9 steps a second, a ratio with its spread, a word, or nothing. */
export type Cell = { ms: Spread } | { rate: Spread } | { ratio: Spread } | string | undefined;

export interface Row {
  readonly name: string;
  readonly cells: readonly Cell[];
}

export interface Section {
  readonly key: string;
  readonly title: string;
  /** What the columns mean, and how they came about. */
  readonly note: string;
  readonly columns: readonly string[];
  /** Column whose ratios the summary is of. */
  readonly judged: number;
  /** What a row is of: models, layers. */
  readonly what: string;
  readonly names: readonly string[];
  row(name: string, rounds: number): Promise<readonly Cell[]>;
}

/** A section's table as it was measured; `skipped` says why a name has no row. */
export interface Table {
  readonly section: Section;
  readonly rows: Row[];
  readonly skipped: { name: string; reason: string }[];
}

export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!;

/** An engine, or why there is none. */
export async function attempt(open: () => Promise<OpenEngine>): Promise<OpenEngine | string> {
  try {
    return await open();
  } catch (error) {
    return reasonOf(error);
  }
}

/** Times engines in turns; null stands where there is none. Closes them. */
export async function timed(
  engines: readonly (OpenEngine | string)[],
  rounds: number,
): Promise<(readonly number[] | undefined)[]> {
  const open = engines.filter((engine) => typeof engine !== 'string');
  try {
    const times = await measure(open, rounds);
    return engines.map((engine) =>
      typeof engine === 'string' ? undefined : times[open.indexOf(engine)],
    );
  } finally {
    for (const engine of open) await engine.close();
  }
}

export const milliseconds = (times: readonly number[] | undefined): Cell =>
  times && { ms: spread(times) };

/** Billions of multiply-accumulates in a second. */
export const rate = (times: readonly number[] | undefined, macs: number): Cell =>
  times && { rate: spread(times.map((time) => macs / time / 1e6)) };

/** How many times as fast as `theirs` we are, round by round. */
export const ratio = (
  theirs: readonly number[] | undefined,
  ours: readonly number[] | undefined,
): Cell => theirs && ours && { ratio: speedup(theirs, ours) };

/** The faster of two engines, by the median. */
export function faster(
  a: readonly number[] | undefined,
  b: readonly number[] | undefined,
): readonly number[] | undefined {
  if (!a || !b) return a ?? b;
  return spread(a).median <= spread(b).median ? a : b;
}
