// What an int8 model may lose. A bound looks at the float and the int8 figures and says what it
// compared, the value, the limit in words and whether it holds.
import type { Figures } from './scores.ts';

export interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly bound: string;
  readonly ok: boolean;
}

export type Bound = (float: Figures, int8: Figures) => Verdict;

// 98.40 - 98.20 is 0.2000000000000028 in binary: a limit met exactly counts as met.
const kSlack = 1e-9;

function figure(figures: Figures, name: string): number {
  const value = figures[name];
  if (value === undefined)
    throw new Error(`no figure "${name}" among ${Object.keys(figures).join(', ')}`);
  return value;
}

export function atLeast(what: string, value: number, limit: number): Verdict {
  return { what, value, bound: `>= ${limit}`, ok: value >= limit - kSlack };
}

export function atMost(what: string, value: number, limit: number): Verdict {
  return { what, value, bound: `<= ${limit}`, ok: value <= limit + kSlack };
}

/** The int8 figure alone. */
export const keeps =
  (name: string, limit: number): Bound =>
  (_, int8) =>
    atLeast(name, figure(int8, name), limit);
export const staysBelow =
  (name: string, limit: number): Bound =>
  (_, int8) =>
    atMost(name, figure(int8, name), limit);

/** A figure where more is better may fall by `limit`. */
export const loses =
  (name: string, limit: number): Bound =>
  (float, int8) =>
    atMost(`loss of ${name}`, figure(float, name) - figure(int8, name), limit);

/** A figure may move by `percent` of the float one, either way. */
export const moves =
  (name: string, percent: number): Bound =>
  (float, int8) =>
    atMost(
      `change of ${name}, %`,
      100 * Math.abs(figure(int8, name) / figure(float, name) - 1),
      percent,
    );

/** A figure may be off by `limit`, either way. */
export const staysWithin =
  (name: string, limit: number): Bound =>
  (float, int8) =>
    atMost(`change of ${name}`, Math.abs(figure(int8, name) - figure(float, name)), limit);
