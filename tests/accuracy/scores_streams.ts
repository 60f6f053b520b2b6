// Scores of portraits, words, stories and of streams; see scores.ts.
import { kHop, overlapAdd } from './audio.ts';
import { denoisedUpstream, recordedSpeech } from './data_streams.ts';
import { agreement, argmax, meanOf, overlap, siSdr } from './metrics.ts';
import { argmaxOf, type Choice, type Score, sameChoice } from './scores.ts';
import type { Answer } from './tensor.ts';

/** 1 where a pixel is of a person. */
export const portraitMask: Choice = (answer) => {
  const [both] = Object.values(answer);
  const area = both!.length / 2;
  return Uint8Array.from({ length: area }, (_, i) => (both![area + i]! > both![i]! ? 1 : 0));
};

/** Intersection over union of the person's pixels, the mean of all photos. */
export const portraits: Score = (answers, float) => {
  const masks = answers.map(portraitMask) as Uint8Array[];
  return {
    'IoU with float': meanOf(masks.map((mask, i) => overlap(mask, portraitMask(float[i]!)))),
    'person %': meanOf(masks.map((mask) => 100 * meanOf(mask))),
  };
};

export const words =
  (output: string): Score =>
  (answers, float, { labels }) => {
    const choice = argmaxOf(output);
    const right = answers.filter((answer, i) => choice(answer)[0] === labels![i]).length;
    return { 'right of all': right, 'same as float %': sameChoice(choice, answers, float) };
  };

const kPieces = 512;

/** The likeliest next token at each position. */
export const nextTokens: Choice = ({ logits }) =>
  Array.from({ length: logits!.length / kPieces }, (_, t) =>
    argmax(logits!.subarray(t * kPieces, (t + 1) * kPieces)),
  );

/** Mean of -log p(next token), in nats. */
function nextTokenLoss({ logits }: Answer, tokens: Float32Array): number {
  return meanOf(
    Array.from({ length: tokens.length - 1 }, (_, t) => {
      const row = logits!.subarray(t * kPieces, (t + 1) * kPieces);
      const most = row[argmax(row)]!;
      const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
      return most + Math.log(sum) - row[tokens[t + 1]!]!;
    }),
  );
}

export const nextToken: Score = (answers, float, samples) => {
  const told = answers.map((answer) => Array.from(nextTokens(answer)).slice(0, -1));
  const wanted = answers.flatMap((_, i) => [...samples.at(i).subarray(1)]);
  return {
    'loss nats': meanOf(answers.map((answer, i) => nextTokenLoss(answer, samples.at(i)))),
    'next token %': agreement(told.flat(), wanted),
    'same as float %': sameChoice(nextTokens, answers, float),
  };
};

/** Speech or none, in one step. */
export const isSpeech: Choice = ({ output }) => [output![0]! > 0.5 ? 1 : 0];

export const speech: Score = (answers, float) => {
  const recorded = recordedSpeech().map((probability) => (probability > 0.5 ? 1 : 0));
  const said = answers.flatMap((answer) => Array.from(isSpeech(answer)));
  return {
    'same as float %': sameChoice(isSpeech, answers, float),
    'same as recorded %': agreement(said, recorded),
    'steps of speech': said.reduce((sum, one) => sum + one, 0),
  };
};

/** Scale-invariant signal-to-distortion ratios of what is heard after the third that calibrates. */
export const denoised: Score = (answers, float) => {
  const length = (answers.length - 1) * kHop;
  const heard = (all: readonly Answer[]) =>
    overlapAdd(
      all.map(({ enh }) => enh!),
      length,
    );
  const tested = <Signal extends Float32Array | Float64Array>(signal: Signal) =>
    signal.subarray(Math.ceil(length / 3), length);
  const mine = tested(heard(answers));
  return {
    'SI-SDR to float dB': siSdr(tested(heard(float)), mine),
    'SI-SDR to upstream dB': siSdr(tested(denoisedUpstream()), mine),
  };
};
