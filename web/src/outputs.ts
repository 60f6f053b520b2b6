// One output of both models, side by side: class scores as bars, an image as images, anything else as its distance.
import type { Tensor } from '../../bindings/js/types.ts';
import { bar, h } from './dom.ts';
import { decibels, percent } from './format.ts';
import { argmax, best, difference, probabilities, values } from './numbers.ts';
import { drawTensor, extent, planesOf } from './picture.ts';

export type ClassNames = (index: number) => string;

const kTop = 5;
const kFewClasses = 10;
const kSides = [
  ['float', 'from-float'],
  ['int8', 'from-int8'],
] as const;

/** A vector of scores: all dims but one are 1. */
function isVector({ dims, data }: Tensor): boolean {
  return data.length >= 2 && dims.filter((dim) => dim !== 1).length === 1;
}

function scoreList(shares: number[], kind: string, name: ClassNames): HTMLElement {
  // Few classes keep their order, so that the two sides can be compared row by row.
  const shown = shares.length <= kFewClasses ? shares.map((_, i) => i) : best(shares, kTop);
  const rows = shown.map((i) =>
    h(
      'li',
      {},
      h('span', {}, name(i)),
      bar(shares[i]!, kind),
      h('span', { class: 'number' }, percent(shares[i]!)),
    ),
  );
  return h('ol', { class: 'scores' }, ...rows);
}

function scores(pair: readonly [Tensor, Tensor], name: ClassNames): HTMLElement {
  const figures = pair.map((tensor, side) => {
    const shares = probabilities(values(tensor));
    const [label, kind] = kSides[side]!;
    const winner = argmax(shares);
    const verdict = h('output', { 'data-side': label, 'data-class': winner }, name(winner));
    return h(
      'figure',
      {},
      h('figcaption', { class: 'verdict' }, h('span', {}, label), verdict),
      scoreList(shares, kind, name),
    );
  });
  return h('div', { class: 'pair' }, ...figures);
}

function pictures(pair: readonly [Tensor, Tensor]): HTMLElement {
  const range = extent(values(pair[0]));
  const figures = pair.map((tensor, side) => {
    const [label] = kSides[side]!;
    const canvas = h('canvas', { class: 'picture', role: 'img', 'aria-label': `${label} output` });
    drawTensor(canvas, tensor, range);
    return h('figure', {}, h('figcaption', {}, label), canvas);
  });
  return h('div', { class: 'pair' }, ...figures);
}

function distance(pair: readonly [Tensor, Tensor]): HTMLElement {
  const [float, int8] = pair.map(values) as [number[], number[]];
  const { sqnr, maxAbsError } = difference(float, int8);
  const head = (numbers: number[]) =>
    numbers
      .slice(0, 6)
      .map((value) => Number(value.toPrecision(4)))
      .join(', ');
  const facts = [
    ['SQNR', decibels(sqnr)],
    ['Largest difference', maxAbsError.toPrecision(3)],
    ['Float begins', head(float)],
    ['Int8 begins', head(int8)],
  ];
  return h(
    'dl',
    { class: 'facts' },
    ...facts.flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]),
  );
}

export function outputView(
  name: string,
  pair: readonly [Tensor, Tensor],
  className: ClassNames = String,
): HTMLElement {
  const [float] = pair;
  const view = isVector(float)
    ? scores(pair, className)
    : planesOf(float)
      ? pictures(pair)
      : distance(pair);
  return h('section', { 'aria-label': `output ${name}` }, h('h3', {}, name), view);
}
