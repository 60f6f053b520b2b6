// A recording with what float and int8 say about it: the probabilities of both drawn over the waveform, a player, and
// a cursor that goes with it. Clicking on the chart goes there.
import type { ChartConfiguration } from 'chart.js';
import { hopOf } from '../../bindings/js/stream.ts';
import { type ChartView, chartView, type Ink } from './chart.ts';
import { h } from './dom.ts';
import { percent } from './format.ts';
import type { Recording } from './recording.ts';
import { envelope, kThreshold } from './stream_score.ts';
import type { StreamOutcome, StreamTask } from './stream_task.ts';

const kColumns = 1200;

interface Point {
  x: number;
  y: number;
}

/** Seconds at which a window ends: the model has then heard it. */
function timesOf({ stream, float }: StreamTask): number[] {
  return Array.from(float, (_, i) => ((i + 1) * hopOf(stream)) / stream.rate);
}

function wave({ signal, rate }: Recording): { low: Point[]; high: Point[] } {
  const columns = Math.min(kColumns, signal.length);
  const parts = envelope(signal, columns);
  const at = (column: number) => (column * signal.length) / columns / rate;
  return {
    low: parts.map(({ low }, i) => ({ x: at(i), y: low })),
    high: parts.map(({ high }, i) => ({ x: at(i), y: high })),
  };
}

function config(
  task: StreamTask,
  { int8 }: StreamOutcome,
): (ink: Ink) => ChartConfiguration<'line'> {
  const times = timesOf(task);
  const { low, high } = wave(task.recording);
  const points = (all: Float32Array) => times.map((x, i) => ({ x, y: all[i]! }));
  const seconds = task.recording.signal.length / task.recording.rate;
  return (ink) => {
    const quiet = { borderWidth: 0, backgroundColor: ink.wave, pointRadius: 0, yAxisID: 'wave' };
    const line = { borderWidth: 1.75, pointRadius: 0, yAxisID: 'y', pointHitRadius: 0 };
    const border = [0, seconds].map((x) => ({ x, y: kThreshold }));
    return {
      type: 'line',
      data: {
        datasets: [
          {
            ...line,
            label: 'float',
            data: points(task.float),
            borderColor: ink.float,
            borderWidth: 3.5,
            order: 1,
          },
          { ...line, label: 'int8', data: points(int8), borderColor: ink.accent, order: 0 },
          {
            ...line,
            label: 'decision',
            data: border,
            borderColor: ink.quiet,
            borderWidth: 1,
            borderDash: [4, 4],
            order: 2,
          },
          { ...quiet, label: 'waveform', data: high, fill: '+1', order: 3 },
          { ...quiet, label: 'low', data: low, order: 4 },
        ],
      },
      options: {
        parsing: false,
        events: ['click'],
        scales: {
          x: {
            type: 'linear',
            min: 0,
            max: seconds,
            title: { display: true, text: 'seconds' },
            grid: { display: false },
          },
          y: {
            min: 0,
            max: 1,
            ticks: { stepSize: 0.25 },
            title: { display: true, text: 'probability' },
          },
          wave: { display: false, min: -1, max: 1 },
        },
        plugins: {
          tooltip: { enabled: false },
          legend: {
            onClick: () => {},
            labels: {
              boxHeight: 8,
              generateLabels: () => [
                { text: 'float', fillStyle: ink.float, strokeStyle: ink.float, fontColor: ink.ink },
                {
                  text: 'int8',
                  fillStyle: ink.accent,
                  strokeStyle: ink.accent,
                  fontColor: ink.ink,
                },
                {
                  text: 'waveform',
                  fillStyle: ink.wave,
                  strokeStyle: ink.wave,
                  fontColor: ink.ink,
                },
              ],
            },
          },
        },
      },
    };
  };
}

function summary({ calibrated, recording }: StreamTask, score: StreamOutcome): string {
  const { windows, meanError, largestError, agreement } = score;
  const same = calibrated.name === recording.name;
  const every =
    calibrated.every === 1 ? 'every window' : `every ${ordinal(calibrated.every)} window`;
  return `Over ${windows} windows of ${recording.name} the probabilities differ by ${meanError.toFixed(4)} on average and by ${largestError.toFixed(3)} at most; ${percent(agreement)} of them fall on the same side of ${kThreshold}. Calibrated with ${every} of ${same ? 'the same recording' : calibrated.name}${same ? '; drop two recordings to check on the second' : ''}.`;
}

function ordinal(count: number): string {
  if (count === 2) return 'second';
  if (count === 3) return 'third';
  return `${count}th`;
}

/** The vertical line at the player's time, and what both models say there; the result moves it. */
function follow(
  player: HTMLAudioElement,
  { current, element }: { current(): ChartView<'line'>['current']; element: HTMLElement },
  say: (time: number) => void,
): () => void {
  const cursor = h('div', { class: 'cursor', 'aria-hidden': 'true' });
  element.append(cursor);
  const move = () => {
    const chart = current();
    if (!chart) return;
    const { x } = chart.scales;
    const { top, bottom } = chart.chartArea;
    cursor.style.transform = `translate(${x!.getPixelForValue(player.currentTime)}px, ${top}px)`;
    cursor.style.height = `${bottom - top}px`;
    say(player.currentTime);
  };
  const go = () => {
    move();
    if (!player.paused && player.isConnected) requestAnimationFrame(go);
  };
  player.addEventListener('play', go);
  for (const name of ['timeupdate', 'seeked', 'loadedmetadata'])
    player.addEventListener(name, move);
  new ResizeObserver(move).observe(element);
  element.addEventListener('click', (event) => {
    const chart = current();
    const x = chart?.scales.x;
    if (!chart || !x) return;
    const time = x.getValueForPixel(event.clientX - element.getBoundingClientRect().left);
    player.currentTime = Math.min(x.max, Math.max(0, time ?? 0));
    move();
  });
  return move;
}

export interface WaveView {
  elements: HTMLElement[];
  /** Draws; the elements have to be in the page. */
  draw(): void;
  close(): void;
}

export function waveView(task: StreamTask, outcome: StreamOutcome): WaveView {
  const text = summary(task, outcome);
  const address = URL.createObjectURL(task.recording.file);
  const player = h('audio', { controls: true, src: address, preload: 'auto' });
  const reading = h('output', { class: 'reading', 'aria-live': 'off' });
  const view = chartView(`Probabilities over the waveform. ${text}`, config(task, outcome));
  const hop = hopOf(task.stream) / task.stream.rate;
  const say = (time: number) => {
    const window = Math.min(task.float.length - 1, Math.max(0, Math.ceil(time / hop) - 1));
    const [p, q] = [task.float[window]!, outcome.int8[window]!];
    reading.textContent = `at ${time.toFixed(2)} s: float ${p.toFixed(3)}, int8 ${q.toFixed(3)}`;
  };
  const move = follow(player, { current: () => view.current, element: view.element }, say);
  return {
    elements: [
      h('p', { id: 'stream-summary' }, text),
      view.element,
      h('div', { class: 'player' }, player, reading),
    ],
    draw() {
      view.draw();
      move();
    },
    close() {
      view.close();
      player.pause();
      URL.revokeObjectURL(address);
    },
  };
}
