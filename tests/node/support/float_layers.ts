// Layers, pools and Resize of random float graphs; see float_ops.ts.
import type { Dims } from './both_runtimes.ts';
import type { FloatGraph } from './float_graphs.ts';
import { type Attributes, float, type Op } from './float_ops.ts';

// ---------------------------------------------------------------- windows
interface Windows {
  out: Dims;
  attributes: Attributes;
}
/** A window over the spatial dims; nothing where it does not fit. */
function windows(g: FloatGraph, spatial: Dims, kernel: Dims, ceil: boolean): Windows | undefined {
  const pick = (low: number, high: number) => spatial.map(() => g.dice.between(low, high));
  const [strides, dilations] = [pick(1, 2), g.dice.of(3) ? pick(1, 1) : pick(1, 2)];
  const reach = kernel.map((k, i) => dilations[i]! * (k - 1) + 1);
  const attributes: Attributes = { kernel_shape: kernel, strides, dilations };
  const dense = dilations.every((dilation) => dilation === 1);
  // With dilations onnxruntime refuses SAME, or takes them for 1.
  if (g.dice.of(4) === 0 && !ceil && dense) {
    const mode = g.dice.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']);
    const out = spatial.map((dim, i) =>
      mode === 'VALID'
        ? Math.floor((dim - reach[i]!) / strides[i]!) + 1
        : Math.ceil(dim / strides[i]!),
    );
    return out.every((dim) => dim > 0)
      ? { out, attributes: { ...attributes, auto_pad: mode } }
      : undefined;
  }
  // No window in padding alone: what MaxPool makes of it is nowhere said. And under ceil_mode none that begins in the
  // padding at the end: there the shapes that onnxruntime infers are not those it makes.
  const side = (allowed: boolean) => kernel.map((k) => (allowed ? g.dice.of(Math.min(k, 3)) : 0));
  const [begin, end] = [side(dense), side(dense && !ceil)];
  const round = ceil ? Math.ceil : Math.floor;
  const out = spatial.map((dim, i) => {
    const room = dim + begin[i]! + end[i]! - reach[i]!;
    return room < 0 ? 0 : round(room / strides[i]!) + 1;
  });
  if (out.some((dim) => dim <= 0)) return undefined;
  return { out, attributes: { ...attributes, pads: [...begin, ...end] } };
}
const isImage = (dims: Dims) => dims.length >= 3 && dims.length <= 5;

const conv: Op = (g, x) => {
  if (!isImage(x.dims)) return undefined;
  const [n, channels, ...spatial] = x.dims as [number, number, ...number[]];
  const kernel = spatial.map(() => g.dice.between(1, 3));
  const found = windows(g, spatial, kernel, false);
  if (!found) return undefined;
  const group = g.dice.pick([1, 1, channels]);
  const out = group * g.dice.between(1, 4);
  const weight = g.floats([out, channels / group, ...kernel], -0.5, 0.5);
  const bias = g.dice.of(2) ? [g.floats([out])] : [];
  const attributes = { ...found.attributes, group };
  return g.op('Conv', [x.name, weight, ...bias], [n, out, ...found.out], attributes);
};
const convTranspose: Op = (g, x) => {
  if (!isImage(x.dims)) return undefined;
  const [n, channels, ...spatial] = x.dims as [number, number, ...number[]];
  const pick = (low: number, high: number) => spatial.map(() => g.dice.between(low, high));
  const [kernel, strides] = [pick(2, 3), pick(1, 2)];
  const output_padding = strides.map((stride) => g.dice.of(stride));
  const [begin, end] = [pick(0, 1), pick(0, 1)];
  const out = spatial.map(
    (dim, i) => strides[i]! * (dim - 1) + output_padding[i]! + kernel[i]! - begin[i]! - end[i]!,
  );
  if (out.some((dim) => dim <= 0)) return undefined;
  const group = g.dice.pick([1, channels]);
  const columns = g.dice.between(1, 3);
  const weight = g.floats([channels, columns, ...kernel], -0.5, 0.5);
  const bias = g.dice.of(2) ? [g.floats([group * columns])] : [];
  const pads = [...begin, ...end];
  const dims = [n, group * columns, ...out];
  const attributes = { kernel_shape: kernel, strides, output_padding, pads, group };
  return g.op('ConvTranspose', [x.name, weight, ...bias], dims, attributes);
};
const pool: Op = (g, x) => {
  if (!isImage(x.dims)) return undefined;
  const [n, channels, ...spatial] = x.dims as [number, number, ...number[]];
  const kernel = spatial.map(() => g.dice.between(2, 3));
  const ceil = g.dice.of(3) === 0;
  const found = windows(g, spatial, kernel, ceil);
  if (!found) return undefined;
  const { dilations, ...plain } = found.attributes;
  const isDilated = (dilations as number[]).some((dilation) => dilation > 1);
  const op = isDilated ? 'MaxPool' : g.dice.pick(['MaxPool', 'AveragePool']);
  const dims = [n, channels, ...found.out];
  const attributes = { ...(isDilated ? found.attributes : plain), ceil_mode: ceil ? 1 : 0 };
  if (op === 'MaxPool') return g.op(op, [x.name], dims, attributes);
  return g.op(op, [x.name], dims, { ...attributes, count_include_pad: g.dice.of(2) });
};
const globalPool: Op = (g, x) =>
  isImage(x.dims)
    ? g.op(
        g.dice.pick(['GlobalAveragePool', 'GlobalMaxPool']),
        [x.name],
        x.dims.map((dim, i) => (i < 2 ? dim : 1)),
      )
    : undefined;

// ---------------------------------------------------------------- products
const gemm: Op = (g, x) => {
  if (x.dims.length !== 2) return undefined;
  const [transA, transB, n] = [g.dice.of(2), g.dice.of(2), g.dice.between(1, 9)];
  const [m, k] = (transA ? [x.dims[1], x.dims[0]] : x.dims) as [number, number];
  const weight = g.floats(transB ? [n, k] : [k, n], -0.5, 0.5);
  const bias = g.dice.pick([[], [[n]], [[m, 1]], [[1, n]], [[]]]) as Dims[];
  return g.op('Gemm', [x.name, weight, ...bias.map((dims) => g.floats(dims))], [m, n], {
    transA,
    transB,
    alpha: float(0.75),
    beta: float(1.5),
  });
};
const matmul: Op = (g, x) => {
  const rank = x.dims.length;
  const k = x.dims.at(-1)!;
  const n = g.dice.between(1, 9);
  if (rank === 1) return g.op('MatMul', [x.name, g.floats([k, n], -0.5, 0.5)], [n]);
  const batch = x.dims.slice(0, -2).map((dim) => (g.dice.of(2) ? dim : 1));
  const head = batch.slice(g.dice.of(batch.length + 1));
  const dims = [...x.dims.slice(0, -1), n];
  return g.op('MatMul', [x.name, g.floats([...head, k, n], -0.5, 0.5)], dims);
};

// ---------------------------------------------------------------- Resize
const resize: Op = (g, x) => {
  if (x.dims.length !== 4) return undefined;
  const mode = g.dice.pick(['nearest', 'linear', 'cubic']);
  const attributes: Attributes = {
    mode,
    coordinate_transformation_mode: g.dice.pick([
      'half_pixel',
      'asymmetric',
      'align_corners',
      'pytorch_half_pixel',
    ]),
  };
  if (mode === 'nearest') {
    attributes.nearest_mode = g.dice.pick(['floor', 'ceil', 'round_prefer_floor']);
  }
  const wanted = [g.dice.between(1, 9), g.dice.between(1, 9)];
  const dims = [...x.dims.slice(0, 2), ...wanted];
  if (g.dice.of(2))
    return g.op('Resize', [x.name, roiOf(g), noScales(g), g.ints(dims)], dims, attributes);
  const scales = g.constant({ type: 'float32', dims: [4], data: [1, 1, 2, 1.5] });
  const scaled = [x.dims[0]!, x.dims[1]!, x.dims[2]! * 2, Math.floor(x.dims[3]! * 1.5)];
  return g.op('Resize', [x.name, roiOf(g), scales], scaled, attributes);
};
// Both were no optional inputs before opset 13.
const roiOf = (g: FloatGraph) => (g.opset >= 13 ? '' : g.floats([0]));
const noScales = roiOf;

export const kFloatLayers: readonly Op[] = [
  conv,
  conv,
  conv,
  convTranspose,
  pool,
  pool,
  globalPool,
  gemm,
  gemm,
  matmul,
  resize,
];
