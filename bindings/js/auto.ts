// The mode `auto`: which layers stay exact8 so that turbo costs no more accuracy than was allowed.
//
// Layers are ordered by the noise that turbo adds in them per multiply-accumulate it speeds up, and the shortest
// beginning of that list is looked for, by halves, with which every output keeps the budget. A trial quantizes the
// model on a few samples and compares it with the float one.
import type { Comparison } from './api.ts';
import { EightfoldError } from './errors.ts';
import type { QuantizeOptions } from './types.ts';

const kFastBackend = 'turbo';
/** Samples of a trial. */
export const kTrialSamples = 16;
const kDefaultBudget = 3;

export interface Trial {
  comparison: Comparison;
  /** Multiply-accumulates of the layers that run on int8, by node. */
  macs: ReadonlyMap<string, number>;
}

/** Quantizes with these layers in exact8, or with all of them. */
export type Try = (exact: readonly string[] | 'all') => Promise<Trial>;

export function budgetOf({ accuracyBudget = kDefaultBudget }: QuantizeOptions): number {
  if (Number.isFinite(accuracyBudget) && accuracyBudget >= 0) return accuracyBudget;
  throw new EightfoldError(
    'invalid_config',
    `accuracyBudget is ${accuracyBudget}, not a number of dB from 0 on`,
  );
}

/** The backend that is meant where none is named. */
export const backendOf = ({ backend, mode }: Pick<QuantizeOptions, 'backend' | 'mode'>) =>
  backend ?? (mode === 'auto' ? kFastBackend : undefined);

/** Quantization noise over signal, as a power. */
const noise = (sqnr: number | undefined) => (sqnr === undefined ? 0 : 10 ** (-sqnr / 10));

/** Layers by the noise that `fast` adds to them beyond `exact`, per multiply-accumulate, the most first. */
function bySensitivity(exact: Trial, fast: Trial): string[] {
  const before = new Map(exact.comparison.layers.map(({ node, sqnr }) => [node, noise(sqnr)]));
  let last = 0;
  const scores: [string, number][] = [];
  for (const { node, sqnr } of fast.comparison.layers) {
    const excess = noise(sqnr) - (before.get(node) ?? 0);
    const macs = fast.macs.get(node);
    if (macs) scores.push([node, (excess - last) / macs]);
    last = excess;
  }
  return scores.sort((a, b) => b[1] - a[1]).map(([node]) => node);
}

/** The layers that stay exact8; all of them when nothing less keeps the budget. */
export async function chooseExact(attempt: Try, budget: number): Promise<string[]> {
  const exact = await attempt('all');
  const keeps = ({ comparison }: Trial) =>
    comparison.outputs.every(({ sqnr }, i) => {
      const base = exact.comparison.outputs[i]!.sqnr;
      return !(sqnr < base - budget);
    });
  const fast = await attempt([]);
  if (keeps(fast)) return [];
  const order = bySensitivity(exact, fast);
  let fails = 0;
  let holds = order.length;
  while (holds - fails > 1) {
    const middle = (fails + holds) >> 1;
    if (keeps(await attempt(order.slice(0, middle)))) holds = middle;
    else fails = middle;
  }
  return order.slice(0, holds);
}
