// The digits model, a tiny Gemm with its truth, samples for both, and two measures.
import { readFileSync } from 'node:fs';
import { type Feeds, inRoot, node, type Tensor } from './eightfold.ts';
import { onnxModel } from './onnx_builder.ts';

export const kDigits = inRoot('examples/digits/model.onnx');
export const kDigitsCalibration = inRoot('examples/digits/calib.npz');
export const kDigitsTest = inRoot('examples/digits/test.npz');

export const digits = (): Uint8Array => new Uint8Array(readFileSync(kDigits));

const kDigit = 64;

/** The first `count` bundled samples. */
export function digitSamples(count: number, file = kDigitsCalibration): Feeds[] {
  const data = node.readNpzFile(file).input!.data as Float32Array;
  return Array.from({ length: count }, (_, i) => ({
    input: float(data.slice(i * kDigit, (i + 1) * kDigit), [1, 1, 8, 8]),
  }));
}

export function float(data: Float32Array | number[], dims: number[]): Tensor {
  return { type: 'float32', data: Float32Array.from(data), dims };
}

/** y = Relu(x W + b), with 4 inputs and 3 outputs. */
export function tinyModel(): Uint8Array {
  return onnxModel({
    nodes: [
      { op: 'Gemm', name: 'dense', inputs: ['x', 'w', 'b'], outputs: ['h'] },
      { op: 'Relu', name: 'relu', inputs: ['h'], outputs: ['y'] },
    ],
    inputs: { x: { dims: ['N', 4] } },
    outputs: { y: { dims: ['N', 3] } },
    initializers: {
      w: { dims: [4, 3], data: [1, -2, 3, 0.5, 1, -1, 2, 0, 1, -1, 1, 0.25] },
      b: { dims: [3], data: [0.5, -0.5, 0] },
    },
  });
}

/** What tinyModel() computes for one row. */
export function tinyTruth([a = 0, b = 0, c = 0, d = 0]: number[]): number[] {
  const sums = [a + 0.5 * b + 2 * c - d + 0.5, -2 * a + b + d - 0.5, 3 * a - b + c + 0.25 * d];
  return sums.map((sum) => Math.max(0, sum));
}

export const tinySamples = (count: number): Feeds[] =>
  Array.from({ length: count }, (_, i) => ({
    x: float([Math.sin(i), Math.cos(i), Math.sin(2 * i + 1), (i % 5) / 2 - 1], [1, 4]),
  }));

export const argmax = (values: ArrayLike<number>): number => {
  const list = Array.from(values);
  return list.indexOf(Math.max(...list));
};

/** 10 log10(sum x^2 / sum (x - y)^2). */
export function sqnr(reference: ArrayLike<number>, other: ArrayLike<number>): number {
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < reference.length; i++) {
    signal += reference[i]! ** 2;
    noise += (reference[i]! - other[i]!) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}
