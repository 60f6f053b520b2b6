// The table of layers: SQNR bars, sortable by every column; a button on each row keeps that layer float in the next run.
import type { LayerReport } from '../../bindings/js/types.ts';
import { bar, button, h } from './dom.ts';
import { count, decibels, level } from './format.ts';

const kFullBar = 50; // dB

type Key = number | string;

interface Column {
  title: string;
  kind?: string;
  key(layer: LayerReport, index: number, runsAs: RunsAs): Key;
  cell(layer: LayerReport, runsAs: RunsAs): (Node | string)[];
}

/** What a layer runs as, in a word. */
type RunsAs = (layer: LayerReport) => string;

/** Layers that were not compared come last, exact ones first, when sorted by SQNR downwards. */
function sqnrKey({ sqnr }: LayerReport): number {
  return sqnr === undefined ? Number.NEGATIVE_INFINITY : (sqnr ?? Number.POSITIVE_INFINITY);
}

function sqnrBar({ sqnr }: LayerReport): (Node | string)[] {
  if (sqnr === undefined) return ['-'];
  return [bar((sqnr ?? kFullBar) / kFullBar, level(sqnr))];
}

const kColumns: readonly Column[] = [
  { title: 'Layer', kind: 'name', key: (_, index) => index, cell: ({ node }) => [node] },
  { title: 'Operator', key: ({ opType }) => opType, cell: ({ opType }) => [opType] },
  {
    title: 'Runs as',
    key: (layer, _, runsAs) => runsAs(layer),
    cell: (layer, runsAs) => [
      h('span', { class: layer.int8 ? 'kind' : 'kind float' }, runsAs(layer)),
    ],
  },
  {
    title: 'MACs',
    kind: 'number',
    key: ({ macs }) => macs,
    cell: ({ macs }) => [macs ? count(macs) : '-'],
  },
  { title: 'SQNR', kind: 'number', key: sqnrKey, cell: ({ sqnr }) => [decibels(sqnr)] },
  { title: 'Quality', key: sqnrKey, cell: sqnrBar },
];

export interface LayerTable {
  layers: readonly LayerReport[];
  runsAs: RunsAs;
  excluded(layer: LayerReport): boolean;
  onExclude(layer: LayerReport, exclude: boolean): void;
}

function lastCell(layer: LayerReport, { excluded, onExclude }: LayerTable): HTMLElement {
  if (!layer.int8 && layer.reason && !excluded(layer))
    return h('td', { class: 'reason reason-column' }, layer.reason);
  const toggle = button(
    'Keep float',
    () => {
      const pressed = toggle.getAttribute('aria-pressed') !== 'true';
      toggle.setAttribute('aria-pressed', String(pressed));
      onExclude(layer, pressed);
    },
    { 'aria-pressed': String(excluded(layer)), 'aria-label': `Keep ${layer.node} float` },
  );
  return h('td', {}, toggle);
}

function row(layer: LayerReport, table: LayerTable): HTMLElement {
  const cells = kColumns.map(({ kind, cell }, column) =>
    h(
      column ? 'td' : 'th',
      { class: kind, scope: column ? undefined : 'row' },
      ...cell(layer, table.runsAs),
    ),
  );
  return h('tr', { 'data-node': layer.node }, ...cells, lastCell(layer, table));
}

function compare(a: Key, b: Key): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorts by a column; a second call turns the order round. */
function sorter(table: LayerTable, body: HTMLElement, heads: HTMLElement[]) {
  return (column: number) => {
    const upward = heads[column]!.getAttribute('aria-sort') !== 'ascending';
    for (const head of heads) head.removeAttribute('aria-sort');
    heads[column]!.setAttribute('aria-sort', upward ? 'ascending' : 'descending');
    const keyed = table.layers.map((layer, index) => ({
      layer,
      key: kColumns[column]!.key(layer, index, table.runsAs),
    }));
    keyed.sort((a, b) => (upward ? 1 : -1) * compare(a.key, b.key));
    body.replaceChildren(...keyed.map(({ layer }) => row(layer, table)));
  };
}

export function layerTable(table: LayerTable): HTMLElement {
  const body = h('tbody');
  const heads: HTMLElement[] = kColumns.map(({ title, kind }, column) =>
    h(
      'th',
      { scope: 'col', class: kind },
      button(title, () => sort(column)),
    ),
  );
  const sort = sorter(table, body, heads);
  sort(0);
  const head = h('tr', {}, ...heads, h('th', { scope: 'col' }, 'Why float, or keep it so'));
  const caption = h(
    'caption',
    {},
    'Layers: each compared with float, noise accumulated from the input on',
  );
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Layers' },
    h('table', { id: 'layer-table' }, caption, h('thead', {}, head), body),
  );
}
