// Float against int8 on one input: pick one of the samples (or, for the digits, draw one) and see both answers.
import type { Feeds, Tensor, ValueInfo } from '../../bindings/js/types.ts';
import { createBoard } from './board.ts';
import { button, byId, h, show } from './dom.ts';
import { digitOf, kSide } from './ink.ts';
import type { Outcome } from './job.ts';
import { latestOnly } from './latest.ts';
import { type ClassNames, outputView } from './outputs.ts';
import { drawTensor } from './picture.ts';
import { showProblem } from './problem.ts';
import type { SampleSet } from './samples.ts';
import type { StreamOutcome, StreamTask } from './stream_task.ts';
import { type WaveView, waveView } from './wave_view.ts';

const kMostOutputs = 4;
const kTitles = {
  input: '4. Float against int8, on one input',
  recording: '4. Float against int8, over the recording',
};

/** Runs both models on feeds and shows the outputs in `target`; the newest feeds win. */
function runner(outcome: Outcome, target: HTMLElement, className: ClassNames) {
  return latestOnly<Feeds>(async (feeds) => {
    try {
      const float = await outcome.sessions.float.run(feeds);
      const int8 = await outcome.sessions.int8.run(feeds);
      const names = outcome.sessions.float.outputNames.slice(0, kMostOutputs);
      target.replaceChildren(
        ...names.map((name) => outputView(name, [float[name]!, int8[name]!], className)),
      );
    } catch (error) {
      if (!outcome.sessions.released) showProblem(error);
    }
  });
}

/** Goes through the samples; `show` is called with the one picked, and once with the first. */
function picker(set: SampleSet, show: (index: number) => void): HTMLElement {
  const field = h('input', {
    type: 'number',
    min: 1,
    max: set.length,
    value: 1,
    'aria-label': 'Sample number',
  });
  const pick = (number: number) => {
    const inside = Math.min(set.length, Math.max(1, Math.round(number) || 1));
    field.value = String(inside);
    show(inside - 1);
  };
  field.addEventListener('change', () => pick(Number(field.value)));
  const step = (by: number) => () => pick(Number(field.value) + by);
  return h(
    'div',
    { class: 'picker' },
    button('<', step(-1), { 'aria-label': 'Previous sample' }),
    field,
    h('span', { class: 'hint' }, `of ${set.length}`),
    button('>', step(1), { 'aria-label': 'Next sample' }),
  );
}

/** The first input that is an image, drawn; nothing for other models. */
function preview(feeds: Feeds, canvas: HTMLCanvasElement): void {
  const image = Object.values(feeds).find((tensor) => drawTensor(canvas, tensor));
  show(canvas, image !== undefined);
}

function sampleTrial(outcome: Outcome, className: ClassNames): HTMLElement[] {
  const canvas = h('canvas', { class: 'picture', role: 'img', 'aria-label': 'The input' });
  const result = h('div', { class: 'results' });
  const run = runner(outcome, result, className);
  const showSample = (index: number) => {
    outcome.check
      .at(index)
      .then((feeds) => {
        preview(feeds, canvas);
        run(feeds);
      })
      .catch(showProblem);
  };
  const input = h('div', { class: 'input' }, picker(outcome.check, showSample), canvas);
  showSample(0);
  return [input, result];
}

/** The board, what the model sees of it, and a button that shows a digit of the test set instead. */
function digitTrial(outcome: Outcome, input: ValueInfo): HTMLElement[] {
  const seen = h('canvas', { role: 'img', 'aria-label': 'What the model sees, 8 by 8 pixels' });
  const result = h('div', { class: 'results', id: 'verdict' });
  const run = runner(outcome, result, String);
  const predict = (tensor: Tensor) => {
    drawTensor(seen, tensor, [0, 1]);
    run({ [input.name]: tensor });
  };
  const board = createBoard(() => {
    const tensor = digitOf(board.ink(), board.side);
    if (tensor) predict(tensor);
  });
  let next = 0;
  const testDigit = async () => {
    const tensor = (await outcome.check.at(next++ % outcome.check.length))[input.name]!;
    paint(board.canvas, tensor);
    predict(tensor);
  };
  const clear = () => {
    board.clear();
    seen.getContext('2d')!.clearRect(0, 0, kSide, kSide);
    result.replaceChildren(h('p', { class: 'hint' }, 'Draw a digit.'));
  };
  void testDigit();
  const buttons = h(
    'div',
    { class: 'buttons' },
    button('Clear', clear, { id: 'clear-board' }),
    button('Next test digit', testDigit, { id: 'next-digit' }),
  );
  const view = h('p', { class: 'seen' }, seen, 'What the model sees: 8 by 8 pixels');
  return [h('div', { class: 'input' }, board.canvas, buttons, view), result];
}

/** Puts an 8 x 8 digit on the board as if it had been drawn. */
function paint(canvas: HTMLCanvasElement, tensor: Tensor): void {
  const small = h('canvas');
  drawTensor(small, tensor, [0, 1]);
  const context = canvas.getContext('2d')!;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** A model that takes single-channel 8 x 8 images and nothing else can be drawn for. */
function drawable(inputs: readonly ValueInfo[]): boolean {
  return inputs.length === 1 && inputs[0]!.dims?.slice(1).join() === `1,${kSide},${kSide}`;
}

let shown: WaveView | undefined;

function showWave(task: StreamTask, heard: StreamOutcome): void {
  shown = waveView(task, heard);
  byId('try-body').replaceChildren(h('div', { class: 'wave' }, ...shown.elements));
  show(byId('try'), true);
  shown.draw();
}

/** Hides the trial; a player in it falls silent. */
export function hideTrial(): void {
  shown?.close();
  shown = undefined;
  show(byId('try'), false);
}

export function showTrial(outcome: Outcome, className: ClassNames = String): void {
  hideTrial();
  const { stream, heard } = outcome;
  byId('try-title').textContent = kTitles[heard ? 'recording' : 'input'];
  if (stream && heard) {
    showWave(stream, heard);
    return;
  }
  const { inputs } = outcome.info;
  const parts = drawable(inputs)
    ? digitTrial(outcome, inputs[0]!)
    : sampleTrial(outcome, className);
  byId('try-body').replaceChildren(h('div', { class: 'trial' }, ...parts));
  show(byId('try'), true);
}
