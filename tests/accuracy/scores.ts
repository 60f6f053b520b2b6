// From a run's answers to its figures. A figure's name carries its unit; `float` holds the answers
// of the float model to the same samples (its own, when the float run itself is scored).

import {
  agreement,
  argmax,
  type Box,
  matchBoxes,
  meanOf,
  meanSquaredError,
  psnr,
  suppress,
} from './metrics.ts';
import { recordedDetections } from './recorded.ts';
import type { Samples } from './samples.ts';
import type { Answer } from './tensor.ts';

export type Figures = Record<string, number>;
export type Score = (
  answers: readonly Answer[],
  float: readonly Answer[],
  samples: Samples,
) => Figures;
/** The discrete decisions in one answer: a class, or one class per anchor. */
export type Choice = (answer: Answer) => ArrayLike<number>;

export const argmaxOf =
  (output: string): Choice =>
  (answer) => [argmax(answer[output]!)];
export const valuesOf =
  (output: string): Choice =>
  (answer) =>
    answer[output]!;
export const anchorClasses: Choice = ({ scores }) =>
  Array.from({ length: scores!.length / 2 }, (_, k) =>
    scores![2 * k + 1]! > scores![2 * k]! ? 1 : 0,
  );

export function sameChoice(choice: Choice, a: readonly Answer[], b: readonly Answer[]): number {
  const all = (answers: readonly Answer[]) =>
    answers.flatMap((answer) => Array.from(choice(answer)));
  return agreement(all(a), all(b));
}

export function classified(choice: Choice): Score {
  return (answers, float, { labels }) => ({
    'top-1 %': agreement(
      answers.map((answer) => choice(answer)[0]!),
      labels!,
    ),
    'same as float %': sameChoice(choice, answers, float),
  });
}

/** Visual wake words has no labels: people on the numbered photos, none on those of animals. */
export const wakeWords: Score = (answers, float, { names }) => {
  const choice = argmaxOf('output');
  const said = (word: number, which: RegExp) =>
    answers.filter((answer, i) => which.test(names![i]!) && choice(answer)[0] === word).length;
  return {
    'same as float %': sameChoice(choice, answers, float),
    'person on 12 portraits': said(1, /^\d+\.jpg$/),
    'no person on 157 animals': said(0, /^n0(1[4-9]|2[0-4])/),
  };
};

export const reconstruction: Score = (answers, _float, { wanted }) => ({
  'squared error': meanOf(answers.map(({ output }, i) => meanSquaredError(output!, wanted!(i)))),
});

export const superResolution: Score = (answers, _float, { wanted }) => ({
  'PSNR dB': meanOf(answers.map(({ output }, i) => psnr(output!, wanted!(i), 288, 6))),
});

/** Faces of one photo: score above 0.7, non-maximum suppression at IoU 0.3. */
export function faces({ scores, boxes }: Answer): Box[] {
  const sure: Box[] = [];
  for (let k = 0; k < scores!.length / 2; ++k) {
    const score = scores![2 * k + 1]!;
    if (score > 0.7) sure.push([...boxes!.subarray(4 * k, 4 * k + 4), score]);
  }
  return suppress(sure, 0.3);
}

/** Found and extra are shares of the float detections, paired one to one at IoU 0.5. */
export const detections: Score = (answers, float, { names }) => {
  const recorded = recordedDetections();
  const count = { got: 0, want: 0, found: 0, recorded: 0, again: 0 };
  answers.forEach((answer, i) => {
    const got = faces(answer);
    const want = faces(float[i]!);
    const onFile = recorded[names![i]!] ?? [];
    count.got += got.length;
    count.want += want.length;
    count.found += matchBoxes(want, got, 0.5);
    count.recorded += onFile.length;
    count.again += matchBoxes(onFile, got, 0.5);
  });
  return {
    'found %': (100 * count.found) / count.want,
    'extra %': (100 * (count.got - count.found)) / count.want,
    'recorded found %': (100 * count.again) / count.recorded,
    faces: count.got,
  };
};
