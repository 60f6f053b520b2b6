// Resizes RGBA pixels with a triangle filter whose width grows with the reduction (so every source pixel counts), and
// rounds to integers: what most models saw in training. out[i] = sum_k w[k] in[k] / sum_k w[k].

interface Window {
  start: number;
  weights: Float32Array;
}

/** For each of `to` outputs: the inputs it sees and their weights, which add up to 1. */
function windows(from: number, to: number): Window[] {
  const ratio = from / to;
  const reach = Math.max(1, ratio);
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * ratio;
    const start = Math.max(0, Math.floor(center - reach + 0.5));
    const end = Math.min(from, Math.floor(center + reach + 0.5));
    const weights = Float32Array.from({ length: end - start }, (_, k) =>
      Math.max(0, 1 - Math.abs(start + k + 0.5 - center) / reach),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { start, weights: weights.map((weight) => weight / sum) };
  });
}

const kChannels = 4;

/** One axis: `lines` lines whose pixels lie `step` apart, the lines `stride` apart; all in bytes. */
function alongAxis(
  source: Uint8ClampedArray,
  from: { lines: number; stride: number; step: number },
  to: { stride: number; step: number; length: number },
  table: Window[],
): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(to.length);
  for (let line = 0; line < from.lines; ++line) {
    for (let i = 0; i < table.length; ++i) {
      const { start, weights } = table[i]!;
      const first = line * from.stride + start * from.step;
      const target = line * to.stride + i * to.step;
      for (let c = 0; c < kChannels; ++c) {
        let sum = 0;
        for (let k = 0; k < weights.length; ++k)
          sum += weights[k]! * source[first + k * from.step + c]!;
        out[target + c] = sum;
      }
    }
  }
  return out;
}

export function resizePixels(image: ImageData, width: number, height: number): ImageData {
  if (image.width === width && image.height === height) return image;
  const narrow = alongAxis(
    image.data,
    { lines: image.height, stride: image.width * kChannels, step: kChannels },
    { stride: width * kChannels, step: kChannels, length: width * image.height * kChannels },
    windows(image.width, width),
  );
  const small = alongAxis(
    narrow,
    { lines: width, stride: kChannels, step: width * kChannels },
    { stride: kChannels, step: width * kChannels, length: width * height * kChannels },
    windows(image.height, height),
  );
  return new ImageData(small, width, height);
}
