// Charts: the parts of Chart.js that the page uses, in the page's colours; drawn anew when these turn dark or light.
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartConfiguration,
  type ChartType,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from 'chart.js';
import { h } from './dom.ts';

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
);
Chart.defaults.animation = false;
Chart.defaults.maintainAspectRatio = false;

const kNames = ['ink', 'quiet', 'line', 'accent', 'float', 'wave', 'peer'] as const;

/** The page's colours, by the names of their properties in style.css. */
export type Ink = Record<(typeof kNames)[number], string>;

function readInk(): Ink {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    kNames.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  ) as Ink;
}

export interface ChartView {
  readonly element: HTMLElement;
  /** Draws; the element has to be in the page. */
  draw(): void;
  close(): void;
}

const kDark = matchMedia('(prefers-color-scheme: dark)');

/** A box with a chart in it. `label` tells what it shows to those who cannot see it. */
export function chartView<Type extends ChartType>(
  label: string,
  config: (ink: Ink) => ChartConfiguration<Type>,
): ChartView {
  const canvas = h('canvas', { class: 'chart', role: 'img', 'aria-label': label });
  const element = h('div', { class: 'chart-box' }, canvas);
  let current: Chart<Type> | undefined;
  const draw = () => {
    current?.destroy();
    const ink = readInk();
    Chart.defaults.color = ink.quiet;
    Chart.defaults.borderColor = ink.line;
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    current = new Chart(canvas, config(ink));
  };
  kDark.addEventListener('change', draw);
  return {
    element,
    draw,
    close() {
      kDark.removeEventListener('change', draw);
      current?.destroy();
      current = undefined;
    },
  };
}
