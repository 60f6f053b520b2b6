// A row of the benchmark: up to four engines in turns, each one's time and its speed against our float, or why there
// is none. The engines and the waits come from outside, so that this runs in the worker as in a test.
import {
  type Engine,
  measure,
  type Spread,
  speedup,
  spread,
} from '../../../bindings/js/cli/rounds.ts';

export const kKeys = ['float', 'int8', 'peerFloat', 'peerInt8'] as const;
export type Key = (typeof kKeys)[number];

export type Cell = { ms: Spread; speed: Spread } | { reason: string };

export interface Row {
  name: string;
  cells: Partial<Record<Key, Cell>>;
}

export interface OpenEngine extends Engine {
  close(): Promise<void> | void;
}

/** How to open each engine of a row; one that is left out has no cell. */
export type Openers = Partial<Record<Key, () => Promise<OpenEngine>>>;

const reasonOf = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!;

/** Opens, times in turns, closes. An engine that does not open is a reason; our float has to. */
export async function benchRow(
  name: string,
  openers: Openers,
  rounds: number,
  between: (round: number) => Promise<void>,
): Promise<Row> {
  const cells: Row['cells'] = {};
  const open: [Key, OpenEngine][] = [];
  try {
    for (const key of kKeys) {
      const opener = openers[key];
      if (!opener) continue;
      await between(0);
      try {
        open.push([key, await opener()]);
      } catch (error) {
        if (key === 'float') throw error;
        cells[key] = { reason: reasonOf(error) };
      }
    }
    const engines = open.map(([, engine]) => engine);
    const times = await measure(engines, rounds, between);
    open.forEach(([key], i) => {
      cells[key] = { ms: spread(times[i]!), speed: speedup(times[0]!, times[i]!) };
    });
    return { name, cells };
  } finally {
    for (const [, engine] of open) await engine.close();
  }
}
