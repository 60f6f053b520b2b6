// The benchmark's rows as bars and as a table. A bar is how many times as fast as our float an engine is: the median of
// the rounds, with a whisker from the tenth to the ninetieth percentile.
import type { Chart, ChartConfiguration, Plugin } from 'chart.js';
import type { Spread } from '../../bindings/js/cli/rounds.ts';
import type { Cell, Key, Row } from './bench/rows.ts';
import { type ChartView, chartView, type Ink } from './chart.ts';
import { h } from './dom.ts';
import { milliseconds } from './format.ts';

const kTitles: Record<Key, string> = {
  float: 'Eightfold, float',
  int8: 'Eightfold, int8',
  peerFloat: 'onnxruntime-web, float',
  peerInt8: 'onnxruntime-web, int8',
};
const kInks: Record<Key, keyof Ink> = {
  float: 'float',
  int8: 'accent',
  peerFloat: 'quiet',
  peerInt8: 'peer',
};

const kFarOut = 1.3;

const times = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)} x`;
const speedOf = (cell: Cell | undefined): Spread | undefined =>
  cell && 'speed' in cell ? cell.speed : undefined;

/** Engines that any row has. */
function keysOf(rows: readonly Row[]): Key[] {
  const all = Object.keys(kTitles) as Key[];
  return all.filter((key) => rows.some(({ cells }) => cells[key]));
}

/** The axis ends behind the whiskers, but for those that are far out. */
function axisEnd(rows: readonly Row[], keys: readonly Key[]): number {
  const speeds = rows.flatMap(({ cells }) => keys.map((key) => speedOf(cells[key])));
  const most = (end: 'median' | 'high') => Math.max(...speeds.map((speed) => speed?.[end] ?? 0));
  return Math.min(most('high'), kFarOut * most('median'));
}

function whiskers(rows: readonly Row[], keys: readonly Key[], ink: Ink): Plugin<'bar'> {
  const draw = (chart: Chart<'bar'>) => {
    const { ctx } = chart;
    const { x } = chart.scales;
    ctx.save();
    const { left, top, width, height } = chart.chartArea;
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.strokeStyle = ink.ink;
    ctx.lineWidth = 1;
    keys.forEach((key, set) => {
      chart.getDatasetMeta(set).data.forEach((bar, i) => {
        const speed = speedOf(rows[i]?.cells[key]);
        if (!speed) return;
        const [low, high] = [x!.getPixelForValue(speed.low), x!.getPixelForValue(speed.high)];
        ctx.beginPath();
        ctx.moveTo(low, bar.y);
        ctx.lineTo(high, bar.y);
        for (const end of [low, high]) {
          ctx.moveTo(end, bar.y - 3);
          ctx.lineTo(end, bar.y + 3);
        }
        ctx.stroke();
      });
    });
    ctx.restore();
  };
  return { id: 'whiskers', afterDatasetsDraw: draw };
}

function config(rows: readonly Row[], keys: readonly Key[]) {
  return (ink: Ink): ChartConfiguration<'bar'> => ({
    type: 'bar',
    data: {
      labels: rows.map(({ name }) => name),
      datasets: keys.map((key) => ({
        label: kTitles[key],
        data: rows.map(({ cells }) => speedOf(cells[key])?.median ?? null),
        backgroundColor: ink[kInks[key]],
        borderRadius: 3,
      })),
    },
    options: {
      indexAxis: 'y',
      scales: {
        x: {
          beginAtZero: true,
          suggestedMax: axisEnd(rows, keys),
          title: { display: true, text: "times as fast as Eightfold's float" },
        },
        y: { grid: { display: false }, ticks: { color: ink.ink } },
      },
      plugins: {
        legend: { labels: { boxHeight: 8, color: ink.ink } },
        tooltip: {
          callbacks: { label: ({ dataset, raw }) => `${dataset.label}: ${times(Number(raw))}` },
        },
      },
    },
    plugins: [whiskers(rows, keys, ink)],
  });
}

function cellOf(cell: Cell | undefined): HTMLElement {
  if (!cell) return h('td', { class: 'number' }, '-');
  if ('reason' in cell) return h('td', { class: 'reason' }, cell.reason);
  const { ms, speed } = cell;
  const range = `${milliseconds(ms.low)} to ${milliseconds(ms.high)}`;
  return h(
    'td',
    { class: 'number' },
    `${milliseconds(ms.median)} (${times(speed.median)})`,
    h('small', {}, range),
  );
}

function table(rows: readonly Row[], keys: readonly Key[]): HTMLElement {
  const head = ['', ...keys.map((key) => kTitles[key])];
  const body = rows.map(({ name, cells }) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row', class: 'name' }, name),
      ...keys.map((key) => cellOf(cells[key])),
    ),
  );
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Times of the benchmark' },
    h(
      'table',
      { id: 'bench-table' },
      h('caption', {}, 'One run: median, and from the 10th to the 90th percentile'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...head.map((title, i) =>
            h('th', { scope: 'col', class: i ? 'number' : undefined }, title),
          ),
        ),
      ),
      h('tbody', {}, ...body),
    ),
  );
}

let shown: ChartView | undefined;

/** Shows the rows there are; a later call takes their place. */
export function showRows(target: HTMLElement, rows: readonly Row[], note: string): void {
  shown?.close();
  shown = undefined;
  if (rows.length === 0) {
    target.replaceChildren();
    return;
  }
  const keys = keysOf(rows);
  const label = rows
    .map(({ name, cells }) => {
      const parts = keys.map((key) => {
        const speed = speedOf(cells[key]);
        return `${kTitles[key]} ${speed ? times(speed.median) : 'none'}`;
      });
      return `${name}: ${parts.join(', ')}`;
    })
    .join('; ');
  shown = chartView(`Speed against Eightfold's float. ${label}`, config(rows, keys));
  shown.element.style.height = `${rows.length * (keys.length * 16 + 20) + 110}px`;
  target.replaceChildren(shown.element, table(rows, keys), h('p', { class: 'hint' }, note));
  shown.draw();
}
