// The residual example as a model, relu(h + conv(h)) behind a convolution of its own, and samples for it.
import { float } from './digits.ts';
import type { Feeds } from './eightfold.ts';
import { onnxModel } from './onnx_builder.ts';

const kChannels = 4;
const kSize = 6;
const kDims = [1, kChannels, kSize, kSize];

const wave = (count: number, step: number) =>
  Array.from({ length: count }, (_, i) => Math.sin(i * step) / 3);

const conv = (name: string, input: string) => ({
  op: 'Conv',
  name,
  inputs: [input, `${name}_w`, `${name}_b`],
  outputs: [`${name}_y`],
  attributes: { pads: [1, 1, 1, 1], kernel_shape: [3, 3] },
});
const weights = (name: string, step: number) => ({
  [`${name}_w`]: { dims: [kChannels, kChannels, 3, 3], data: wave(kChannels ** 2 * 9, step) },
  [`${name}_b`]: { dims: [kChannels], data: wave(kChannels, step * 7) },
});

export const residualModel = (): Uint8Array =>
  onnxModel({
    nodes: [
      conv('stem', 'x'),
      { op: 'Relu', name: 'stem_relu', inputs: ['stem_y'], outputs: ['h'] },
      conv('body', 'h'),
      { op: 'Add', name: 'sum', inputs: ['h', 'body_y'], outputs: ['s'] },
      { op: 'Relu', name: 'last', inputs: ['s'], outputs: ['y'] },
    ],
    inputs: { x: { dims: kDims } },
    outputs: { y: { dims: kDims } },
    initializers: { ...weights('stem', 1.3), ...weights('body', 2.1) },
  });

export const residualSamples: Feeds[] = Array.from({ length: 6 }, (_, i) => ({
  x: float(wave(kChannels * kSize ** 2, 0.7 + i / 5), kDims),
}));
