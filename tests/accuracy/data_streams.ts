// Shared data that is no picture: speech, noisy speech, and tokens. One step of a stream is one sample.
import { readFileSync } from 'node:fs';
import { readWav, spectra } from './audio.ts';
import { inData } from './data.ts';
import type { Samples } from './samples.ts';

const kContext = 64;
const kStep = 512;

/** Steps of 512 new samples behind the 64 before them, at 16 kHz. */
export function speechSteps(): Samples {
  const signal = readWav(inData('speech', 'silero-test-first30s.wav'));
  const padded = new Float32Array(kContext + signal.length);
  padded.set(signal, kContext);
  return {
    count: Math.floor(signal.length / kStep),
    at: (i) => padded.slice(i * kStep, (i + 1) * kStep + kContext),
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
  const frames = spectra(readWav(inData('gtcrn-denoise', 'mix.wav')));
  return { count: frames.length, at: (i) => frames[i]! };
}

/** What the denoiser's authors made of the same recording. */
export function denoisedUpstream(): Float32Array {
  return readWav(inData('gtcrn-denoise', 'enh-upstream.wav'));
}

/** Sequences of token ids. */
export function stories(part: 'calib-8x256' | 'test-16x256'): Samples {
  const rows: number[][] = JSON.parse(readFileSync(inData('stories260k', `${part}.json`), 'utf8'));
  return { count: rows.length, at: (i) => Float32Array.from(rows[i]!) };
}
