// Photographs to tensors: decode, resize, planes. The resize is the antialiased triangle filter
//   out[x] = sum_i w(i) in[i] / sum_i w(i),  w(i) = max(0, 1 - |i + 0.5 - (x + 0.5) r| / max(r, 1)),
// with r = input extent / output extent, applied along x, then y, aspect ratio not kept, and the
// result rounded to integers (as image libraries do for 8-bit images).
import sharp from 'sharp';

/** Interleaved 8-bit pixels: pixels[(y * width + x) * channels + c]. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly pixels: Uint8Array;
}

export async function decodeImage(file: string, colours: 'rgb' | 'gray'): Promise<Image> {
  const { data, info } = await sharp(file)
    .removeAlpha()
    .toColourspace(colours === 'gray' ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels !== (colours === 'gray' ? 1 : 3)) throw new Error(`${file}: ${channels} channels`);
  return { width, height, channels, pixels: new Uint8Array(data) };
}

interface Tap {
  readonly first: number;
  readonly weights: Float64Array;
}

function triangleTaps(from: number, to: number): Tap[] {
  const ratio = from / to;
  const support = Math.max(ratio, 1);
  return Array.from({ length: to }, (_, x) => {
    const centre = (x + 0.5) * ratio;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_, i) =>
      Math.max(0, 1 - Math.abs(first + i + 0.5 - centre) / support),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => w / sum) };
  });
}

/** Filters lines of `to.length` outputs; element (line, i) of a side is at line * lineStep + i * step. */
function filterLines(
  source: ArrayLike<number>,
  target: Float32Array,
  taps: readonly Tap[],
  lines: number[],
  targets: number[],
  step: number,
): void {
  lines.forEach((base, line) => {
    taps.forEach(({ first, weights }, x) => {
      let sum = 0;
      for (let i = 0; i < weights.length; ++i)
        sum += weights[i]! * source[base + (first + i) * step]!;
      target[targets[line]! + x * step] = sum;
    });
  });
}

export function resizeTriangle(image: Image, width: number, height: number): Image {
  if (image.width === width && image.height === height) return image;
  const c = image.channels;
  const wide = new Float32Array(image.height * width * c);
  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  // Along x a line is one row of one channel; along y it is one column of one channel.
  const rows = (rowWidth: number) =>
    range(image.height * c).map((l) => Math.floor(l / c) * rowWidth * c + (l % c));
  filterLines(
    image.pixels,
    wide,
    triangleTaps(image.width, width),
    rows(image.width),
    rows(width),
    c,
  );
  const tall = new Float32Array(height * width * c);
  const columns = range(width * c);
  filterLines(wide, tall, triangleTaps(image.height, height), columns, columns, width * c);
  return {
    width,
    height,
    channels: c,
    pixels: Uint8Array.from(tall, (v) => Math.min(255, Math.max(0, Math.round(v)))),
  };
}

/** How pixels become numbers: (pixel - mean) / scale, one of each or one per channel as written. */
export interface PixelForm {
  readonly mean: number | readonly number[];
  readonly scale: number | readonly number[];
  /** Blue first. */
  readonly bgr?: boolean;
}

/** NCHW planes, at the left of `width` columns; what is beyond the image is 0. */
export function planes(image: Image, form: PixelForm, width = image.width): Float32Array {
  const { channels, height, pixels } = image;
  const of = (value: number | readonly number[], c: number) =>
    typeof value === 'number' ? value : value[c]!;
  const out = new Float32Array(channels * width * height);
  for (let c = 0; c < channels; ++c) {
    const [mean, scale] = [of(form.mean, c), of(form.scale, c)];
    const from = form.bgr ? channels - 1 - c : c;
    for (let y = 0; y < height; ++y) {
      for (let x = 0; x < image.width; ++x) {
        const pixel = pixels[(y * image.width + x) * channels + from]!;
        out[(c * height + y) * width + x] = (pixel - mean) / scale;
      }
    }
  }
  return out;
}

/** Turned by 180 degrees. */
export function upsideDown(image: Image): Image {
  const { channels, pixels } = image;
  const last = pixels.length / channels - 1;
  const turned = pixels.map((_, i) => {
    const c = i % channels;
    return pixels[(last - (i - c) / channels) * channels + c]!;
  });
  return { ...image, pixels: turned };
}
