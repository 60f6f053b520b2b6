// The short-time Fourier transform of the denoiser:
// frames of 512 samples, 256 apart, under a square-root Hann window, the signal mirrored by 256 at its start
//   X[k] = sum_n w[n] x[n] e^(-2 pi i k n / 512),  k = 0..256, as pairs (re, im)
// and back by overlapping sums: the squared windows of neighbours add to one.

export const kFrame = 512;
export const kHop = 256;
export const kBins = kFrame / 2 + 1;

const kTurn = Array.from({ length: kFrame }, (_, i) => (2 * Math.PI * i) / kFrame);
const kCos = Float64Array.from(kTurn, Math.cos);
const kSin = Float64Array.from(kTurn, Math.sin);
const kWindow = kCos.map((cosine) => Math.sqrt((1 - cosine) / 2));

/** One frame per hop, each [257, 2]. */
export function spectra(signal: Float32Array): Float32Array[] {
  const at = (i: number) => signal[Math.abs(i)] ?? 0;
  return Array.from({ length: Math.floor(signal.length / kHop) + 1 }, (_, frame) => {
    const out = new Float32Array(2 * kBins);
    const windowed = kWindow.map((w, n) => w * at((frame - 1) * kHop + n));
    for (let k = 0; k < kBins; ++k) {
      let [re, im] = [0, 0];
      for (let n = 0; n < kFrame; ++n) {
        re += windowed[n]! * kCos[(k * n) % kFrame]!;
        im -= windowed[n]! * kSin[(k * n) % kFrame]!;
      }
      out.set([re, im], 2 * k);
    }
    return out;
  });
}

/** The signal of these frames, `length` samples of it. */
export function overlapAdd(frames: readonly Float32Array[], length: number): Float64Array {
  const whole = new Float64Array((frames.length + 1) * kHop);
  frames.forEach((frame, t) => {
    for (let n = 0; n < kFrame; ++n) {
      let sum = frame[0]! + (n % 2 ? -1 : 1) * frame[2 * (kBins - 1)]!;
      for (let k = 1; k < kBins - 1; ++k) {
        const turn = (k * n) % kFrame;
        sum += 2 * (frame[2 * k]! * kCos[turn]! - frame[2 * k + 1]! * kSin[turn]!);
      }
      whole[t * kHop + n]! += (kWindow[n]! * sum) / kFrame;
    }
  });
  return whole.subarray(kHop, kHop + length);
}
