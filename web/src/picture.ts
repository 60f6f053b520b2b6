// Draws a tensor that is an image ([1, C, H, W], [1, H, W, C] or without batch) on a canvas, from `low` (black) to
// `high` (white).
import type { Tensor } from '../../bindings/js/types.ts';
import { values } from './numbers.ts';

interface Planes {
  width: number;
  height: number;
  channels: number;
  /** Distance between neighbours: in x, and between channels. */
  step: number;
  plane: number;
}

const kLeastSide = 8;
/** Longer strips are tables, not images. */
const kLongest = 8;

/** How to read the tensor as one image; undefined when it is none. */
export function planesOf({ dims }: Tensor): Planes | undefined {
  if (dims.length === 4 && dims[0] !== 1) return undefined;
  if (dims.length < 3 || dims.length > 4) return undefined;
  const [a, b, c] = dims.slice(-3) as [number, number, number];
  const fits = (channels: number, height: number, width: number) => {
    const [short, long] = [Math.min(height, width), Math.max(height, width)];
    return channels >= 1 && channels <= 4 && short >= kLeastSide && long <= kLongest * short;
  };
  if (fits(a, b, c)) return { channels: a, height: b, width: c, step: 1, plane: b * c };
  if (fits(c, a, b)) return { channels: c, height: a, width: b, step: c, plane: 1 };
  return undefined;
}

export function extent(numbers: readonly number[]): [number, number] {
  return numbers.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}

/** Three or more channels as colours, otherwise the last one (of two: the foreground) as gray. */
export function drawTensor(
  canvas: HTMLCanvasElement,
  tensor: Tensor,
  range?: [number, number],
): boolean {
  const planes = planesOf(tensor);
  if (!planes) return false;
  const { width, height, channels, step, plane } = planes;
  const numbers = values(tensor);
  const [low, high] = range ?? extent(numbers);
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; ++i) {
    for (let c = 0; c < 3; ++c) {
      const channel = channels >= 3 ? c : channels - 1;
      const value = numbers[i * step + channel * plane]!;
      pixels.data[i * 4 + c] = high > low ? ((value - low) / (high - low)) * 255 : 0;
    }
    pixels.data[i * 4 + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
  return true;
}
