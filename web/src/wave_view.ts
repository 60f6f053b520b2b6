// A recording with what float and int8 say about it: figures in a sentence, the chart, a player with its cursor.
import { hopOf } from '../../bindings/js/stream.ts';
import { chartView } from './chart.ts';
import { h } from './dom.ts';
import { percent } from './format.ts';
import { kThreshold } from './stream_score.ts';
import type { StreamOutcome, StreamTask } from './stream_task.ts';
import { waveConfig } from './wave_chart.ts';
import { createCursor } from './wave_cursor.ts';

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
  const hop = hopOf(task.stream) / task.stream.rate;
  const say = (time: number) => {
    const window = Math.min(task.float.length - 1, Math.max(0, Math.ceil(time / hop) - 1));
    const [p, q] = [task.float[window]!, outcome.int8[window]!];
    reading.textContent = `at ${time.toFixed(2)} s: float ${p.toFixed(3)}, int8 ${q.toFixed(3)}`;
  };
  const cursor = createCursor(player, say);
  const config = waveConfig(task, outcome, cursor.plugin);
  const view = chartView(`Probabilities over the waveform. ${text}`, config);
  cursor.attach(view.element);
  return {
    elements: [
      h('p', { id: 'stream-summary' }, text),
      view.element,
      h('div', { class: 'player' }, player, reading),
    ],
    draw: view.draw,
    close() {
      view.close();
      player.pause();
      URL.revokeObjectURL(address);
    },
  };
}
