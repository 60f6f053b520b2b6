// Small arithmetic on output tensors: as numbers, as probabilities, their best classes, their difference.
import type { Tensor } from '../../bindings/js/types.ts';

/** The elements as numbers; half floats (raw words) and strings have none here. */
export function values(tensor: Tensor): number[] {
  if (tensor.type === 'string' || tensor.type === 'float16') return [];
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

export function argmax(numbers: readonly number[]): number {
  return numbers.reduce((best, value, i) => (value > numbers[best]! ? i : best), 0);
}

/** Scores as probabilities: as they are when they add up to one, else their softmax. */
export function probabilities(scores: readonly number[]): number[] {
  const sum = scores.reduce((total, score) => total + score, 0);
  if (Math.abs(sum - 1) < 1e-2 && scores.every((score) => score >= 0)) return [...scores];
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** Indices of the `count` largest, the largest first. */
export function best(numbers: readonly number[], count: number): number[] {
  const order = numbers.map((_, i) => i).sort((a, b) => numbers[b]! - numbers[a]!);
  return order.slice(0, count);
}

/** 10 log10(sum x^2 / sum (x - y)^2) in dB, infinite when equal; and the largest |x - y|. */
export function difference(truth: readonly number[], other: readonly number[]) {
  let [signal, noise, maxAbsError] = [0, 0, 0];
  truth.forEach((value, i) => {
    const error = value - other[i]!;
    signal += value * value;
    noise += error * error;
    maxAbsError = Math.max(maxAbsError, Math.abs(error));
  });
  return { sqnr: noise ? 10 * Math.log10(signal / noise) : Number.POSITIVE_INFINITY, maxAbsError };
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
