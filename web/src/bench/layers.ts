// Layers of known networks as files of their own: a chain of equal layers in float and in int8, so that the edges
// of a run weigh little. Three int8 forms of the same shape, by what the quantizer would promise the kernels:
//
//   exact8   any weights, any activations
//   fast8    any two weights of a pair sum to 128 at most
//   turbo    activations in 0..127 (a Clip after each layer), any four weights of a group sum to 258 at most
import { type NodeSpec, onnxModel, type TensorSpec } from './onnx_builder.ts';

export type Form = 'float' | 'exact8' | 'fast8' | 'turbo';

/** A square window over [1, in, size, size], or a product of [size, in] by [in, out] where `kernel` is 0. */
interface Shape {
  size: number;
  in: number;
  out: number;
  kernel: number;
  stride?: number;
  depthwise?: boolean;
}

export interface Layer {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly kind: 'product' | 'vector' | 'pointwise' | 'depthwise' | 'window';
}

const repeat = (shapes: readonly Shape[], times: number) =>
  Array.from({ length: times }, () => shapes).flat();
const product = (size: number, inner: number, out: number): Shape => {
  return { size, in: inner, out, kernel: 0 };
};
const pointwise = (size: number, a: number, b: number) =>
  repeat(
    [
      { size, in: a, out: b, kernel: 1 },
      { size, in: b, out: a, kernel: 1 },
    ],
    2,
  );
const depthwise = (size: number, channels: number, stride = 1): Shape => {
  return { size, in: channels, out: channels, kernel: 3, stride, depthwise: true };
};
const window = (size: number, channels: number): Shape => {
  return { size, in: channels, out: channels, kernel: 3 };
};

export const kLayers: readonly Layer[] = [
  { name: 'product 128 x 384 x 384', kind: 'product', shapes: repeat([product(128, 384, 384)], 4) },
  {
    name: 'product 128 x 384 <-> 1536',
    kind: 'product',
    shapes: [product(128, 384, 1536), product(128, 1536, 384)],
  },
  { name: 'vector 1024 x 1024', kind: 'vector', shapes: repeat([product(1, 1024, 1024)], 8) },
  { name: '1x1 56x56 24 <-> 144', kind: 'pointwise', shapes: pointwise(56, 24, 144) },
  { name: '1x1 28x28 192 <-> 32', kind: 'pointwise', shapes: pointwise(28, 192, 32) },
  { name: '1x1 14x14 576 <-> 96', kind: 'pointwise', shapes: pointwise(14, 576, 96) },
  { name: '1x1 7x7 960 <-> 320', kind: 'pointwise', shapes: pointwise(7, 960, 320) },
  { name: 'depthwise 112x112x32', kind: 'depthwise', shapes: repeat([depthwise(112, 32)], 4) },
  { name: 'depthwise / 2 56x56x144', kind: 'depthwise', shapes: [depthwise(56, 144, 2)] },
  { name: 'depthwise 14x14x576', kind: 'depthwise', shapes: repeat([depthwise(14, 576)], 8) },
  { name: 'depthwise 7x7x960', kind: 'depthwise', shapes: repeat([depthwise(7, 960)], 16) },
  { name: '3x3 56x56x64', kind: 'window', shapes: [window(56, 64)] },
  { name: '3x3 28x28x128', kind: 'window', shapes: repeat([window(28, 128)], 2) },
  { name: '3x3 14x14x256', kind: 'window', shapes: repeat([window(14, 256)], 4) },
];

/** Integers of -limit..limit; the same for every run. */
function integers(count: number, limit: number, seed: number): number[] {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.round(((state >>> 8) / 0xffffff) * 2 * limit - limit);
  });
}

const outSize = ({ size, kernel, stride = 1 }: Shape) =>
  kernel === 0 ? size : Math.floor((size - 1) / stride) + 1;
const taps = ({ kernel }: Shape) => Math.max(1, kernel * kernel);
const perOutput = (shape: Shape) => (shape.depthwise ? 1 : shape.in) * taps(shape);

/** Multiply-accumulates of one run. */
export function macs({ shapes }: Layer): number {
  return shapes.reduce((sum, shape) => {
    const pixels = shape.kernel === 0 ? shape.size : outSize(shape) ** 2;
    return sum + pixels * shape.out * perOutput(shape);
  }, 0);
}

const dimsOf = (shape: Shape, channels: number, size: number) =>
  shape.kernel === 0 ? [size, channels] : [1, channels, size, size];

const inputDims = ({ shapes: [first] }: Layer) => dimsOf(first!, first!.in, first!.size);

/** One input, for the integer forms and for the float one. */
export function layerFeeds(layer: Layer) {
  const dims = inputDims(layer);
  const length = dims.reduce((a, b) => a * b, 1);
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 37) % 256);
  const data = Float32Array.from(bytes, (b) => b / 128 - 1);
  return {
    integers: { x: { type: 'uint8' as const, dims, data: bytes } },
    floats: { x: { type: 'float32' as const, dims, data } },
  };
}

function weightDims(shape: Shape): number[] {
  if (shape.kernel === 0) return [shape.in, shape.out];
  return [shape.out, shape.depthwise ? 1 : shape.in, shape.kernel, shape.kernel];
}

const kWeightLimit = { float: 127, exact8: 127, fast8: 64, turbo: 64 } as const;

/** The layer as an ONNX file; its input is called x. */
export function layerModel(layer: Layer, form: Form): Uint8Array {
  const nodes: NodeSpec[] = [];
  const initializers: Record<string, TensorSpec> = {};
  const dims = inputDims(layer);
  const scalar = (name: string, spec: Omit<TensorSpec, 'dims'>) => {
    initializers[name] = { ...spec, dims: [] };
    return name;
  };
  const zero = scalar('zero', { type: 'uint8', data: [form === 'turbo' ? 64 : 128] });
  const scale = scalar('scale', { data: [1 / 128] });
  const bounds = [
    scalar('least', { type: 'uint8', data: [0] }),
    scalar('most', { type: 'uint8', data: [127] }),
  ];
  let value = 'x';
  const clip = () => {
    if (form !== 'turbo') return;
    nodes.push({ op: 'Clip', inputs: [value, ...bounds], outputs: [`${value}_c`] });
    value += '_c';
  };
  clip();
  layer.shapes.forEach((shape, i) => {
    const wDims = weightDims(shape);
    const integer = integers(
      wDims.reduce((a, b) => a * b, 1),
      kWeightLimit[form],
      i + 1,
    );
    // Keeps the outputs spread over their range, so that a chain does not die out.
    const step = 1.5 / (kWeightLimit[form] * Math.sqrt(perOutput(shape)));
    const weights = `w${i}`;
    const output = i === layer.shapes.length - 1 && form !== 'turbo' ? 'y' : `v${i}`;
    const attributes: NodeSpec['attributes'] =
      shape.kernel === 0
        ? {}
        : {
            kernel_shape: [shape.kernel, shape.kernel],
            strides: [shape.stride ?? 1, shape.stride ?? 1],
            pads: Array.from({ length: 4 }, () => (shape.kernel - 1) / 2),
            group: shape.depthwise ? shape.in : 1,
          };
    if (form === 'float') {
      initializers[weights] = { dims: wDims, data: integer.map((w) => w * step) };
      const op = shape.kernel === 0 ? 'MatMul' : 'Conv';
      nodes.push({ op, inputs: [value, weights], outputs: [output], attributes });
    } else {
      initializers[weights] = { type: 'int8', dims: wDims, data: integer };
      const channels = { dims: [shape.out], data: Array<number>(shape.out).fill(step) };
      initializers[`s${i}`] = channels;
      initializers[`z${i}`] = {
        type: 'int8',
        dims: [shape.out],
        data: Array<number>(shape.out).fill(0),
      };
      const inputs = [value, scale, zero, weights, `s${i}`, `z${i}`, scale, zero];
      const op = shape.kernel === 0 ? 'QLinearMatMul' : 'QLinearConv';
      nodes.push({ op, inputs, outputs: [output], attributes });
    }
    value = output;
    clip();
  });
  if (value !== 'y') nodes[nodes.length - 1]!.outputs[0] = 'y';
  const last = layer.shapes[layer.shapes.length - 1]!;
  const type = form === 'float' ? ('float32' as const) : ('uint8' as const);
  return onnxModel({
    opset: 13,
    nodes,
    initializers,
    inputs: { x: { type, dims } },
    outputs: { y: { type, dims: dimsOf(last, last.out, outSize(last)) } },
  });
}
