// Shared data that is no picture: speech, noisy speech, and tokens. One step of a stream is one sample.
import { readFileSync } from 'node:fs';
import { readWavFile } from '../../bindings/js/node/wav.ts';
import { windowCount, windowOf } from '../../bindings/js/stream.ts';
import { spectra } from './audio.ts';
import { inData } from './data.ts';
import type { Samples } from './samples.ts';

const kWindow = { dims: [64 + 512], context: 64 };

const mono = (file: string) => readWavFile(file).signal;

/** Thirty seconds at 16 kHz. */
export const speechSignal = () => mono(inData('speech', 'silero-test-first30s.wav'));

/** Steps of 512 new samples behind the 64 before them, at 16 kHz. */
export function speechSteps(): Samples {
  const signal = speechSignal();
  return {
    count: windowCount(kWindow, signal.length),
    at: (i) => windowOf(kWindow, signal, i),
  };
}

/** Probabilities of speech that were recorded with the data, per step. */
export function recordedSpeech(): number[] {
  return JSON.parse(
    readFileSync(inData('silero-vad-16k-op15', 'float-probs-first30s.json'), 'utf8'),
  );
}

/** Spectra of the noisy recording, frame by frame. */
export function noisyFrames(): Samples {
  const frames = spectra(mono(inData('gtcrn-denoise', 'mix.wav')));
  return { count: frames.length, at: (i) => frames[i]! };
}

/** What the denoiser's authors made of the same recording. */
export function denoisedUpstream(): Float32Array {
  return mono(inData('gtcrn-denoise', 'enh-upstream.wav'));
}

/** Sequences of token ids. */
export function stories(part: 'calib-8x256' | 'test-16x256'): Samples {
  const rows: number[][] = JSON.parse(readFileSync(inData('stories260k', `${part}.json`), 'utf8'));
  return { count: rows.length, at: (i) => Float32Array.from(rows[i]!) };
}
