// The chart of a recording: the waveform, and over it the probabilities of float and int8, window by window.
import type { ChartConfiguration, Plugin } from 'chart.js';
import { hopOf } from '../../bindings/js/stream.ts';
import type { Ink } from './chart.ts';
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

/** `plugin` draws what goes with the player. */
export function waveConfig(
  task: StreamTask,
  { int8 }: StreamOutcome,
  plugin: Plugin<'line'>,
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
      plugins: [plugin],
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
            ticks: {
              stepSize: 0.25,
              format: { minimumFractionDigits: 2, maximumFractionDigits: 2 },
            },
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
