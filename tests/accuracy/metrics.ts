// The measures, each on plain arrays. Percentages are 0..100, ratios of power in dB.
//   PSNR = -10 log10 mean((got - want)^2)         (signals in 0..1)
//   SQNR = 10 log10 (sum want^2 / sum (want - got)^2)

export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; ++i) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Share of equal elements. */
export function agreement(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0)
    throw new Error(`cannot compare ${a.length} with ${b.length} answers`);
  let equal = 0;
  for (let i = 0; i < a.length; ++i) if (a[i] === b[i]) ++equal;
  return (100 * equal) / a.length;
}

export function meanSquaredError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0)
    throw new Error(`cannot compare ${a.length} with ${b.length} values`);
  let sum = 0;
  for (let i = 0; i < a.length; ++i) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}

/** PSNR of a picture clamped to 0..1, with `border` pixels cut on every side. */
export function psnr(got: Float32Array, want: Float32Array, width: number, border: number): number {
  const height = want.length / width;
  let sum = 0;
  for (let y = border; y < height - border; ++y) {
    for (let x = border; x < width - border; ++x) {
      const value = Math.min(1, Math.max(0, got[y * width + x]!));
      sum += (value - want[y * width + x]!) ** 2;
    }
  }
  return -10 * Math.log10(sum / ((height - 2 * border) * (width - 2 * border)));
}

/** Accumulates over many arrays, so that one figure covers a whole run. */
export class Sqnr {
  private signal = 0;
  private noise = 0;

  add(want: ArrayLike<number>, got: ArrayLike<number>): void {
    if (want.length !== got.length)
      throw new Error(`cannot compare ${want.length} with ${got.length} values`);
    for (let i = 0; i < want.length; ++i) {
      this.signal += want[i]! ** 2;
      this.noise += (want[i]! - got[i]!) ** 2;
    }
  }

  get decibels(): number {
    return this.noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(this.signal / this.noise);
  }
}

/** x1, y1, x2, y2, score */
export type Box = readonly number[];

export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Box) => (box[2]! - box[0]!) * (box[3]! - box[1]!);
  return (width * height) / (area(a) + area(b) - width * height);
}

/** Greedy non-maximum suppression, best score first. */
export function suppress(boxes: readonly Box[], limit: number): Box[] {
  const kept: Box[] = [];
  for (const box of [...boxes].sort((a, b) => b[4]! - a[4]!)) {
    if (kept.every((other) => intersectionOverUnion(box, other) <= limit)) kept.push(box);
  }
  return kept;
}

/** How many of `want` have a partner of their own in `got` with at least this overlap. */
export function matchBoxes(want: readonly Box[], got: readonly Box[], overlap: number): number {
  const free = new Set(got);
  let found = 0;
  for (const box of want) {
    const partners = [...free].filter((other) => intersectionOverUnion(box, other) >= overlap);
    if (partners.length === 0) continue;
    const closest = argmax(partners.map((other) => intersectionOverUnion(box, other)));
    free.delete(partners[closest]!);
    ++found;
  }
  return found;
}

export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; ++i) sum += values[i]!;
  return sum / values.length;
}

/** Intersection over union of two masks of zeros and ones. */
export function overlap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < a.length; ++i) {
    both += a[i]! & b[i]!;
    either += a[i]! | b[i]!;
  }
  return both / either;
}

/**
 * Scale-invariant signal-to-distortion ratio in dB: with a = <got, want> / |want|^2,
 *   10 log10 (|a want|^2 / |got - a want|^2)
 */
export function siSdr(want: ArrayLike<number>, got: ArrayLike<number>): number {
  if (want.length !== got.length || want.length === 0)
    throw new Error(`cannot compare ${want.length} with ${got.length} values`);
  let [cross, power] = [0, 0];
  for (let i = 0; i < want.length; ++i) {
    cross += got[i]! * want[i]!;
    power += want[i]! ** 2;
  }
  let [signal, noise] = [0, 0];
  for (let i = 0; i < want.length; ++i) {
    const scaled = (cross / power) * want[i]!;
    signal += scaled ** 2;
    noise += (got[i]! - scaled) ** 2;
  }
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}
