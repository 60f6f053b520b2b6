// The operators of random float graphs, a row each: what it makes of a value of any shape, or nothing where it does not
// fit. Shapes follow the text of ONNX, so that the generator needs neither runtime.
import type { Dims } from './both_runtimes.ts';
import { type FloatGraph, type FloatValue, sizeOf } from './float_graphs.ts';
import { kFloatLayers } from './float_layers.ts';
import type { AttributeValue } from './onnx_builder.ts';

type Made = FloatValue | FloatValue[] | undefined;
export type Op = (g: FloatGraph, x: FloatValue) => Made;
export type Attributes = Record<string, AttributeValue>;

export const float = (value: number): AttributeValue => ({ float: value });

// ---------------------------------------------------------------- one by one
const kUnary: readonly (readonly [op: string, since: number, attributes?: Attributes])[] = [
  ['Relu', 11],
  ['Sigmoid', 11],
  ['Tanh', 11],
  ['Abs', 11],
  ['Neg', 11],
  ['Erf', 11],
  ['Softplus', 11],
  ['Softsign', 11],
  ['Sin', 11],
  ['Identity', 11],
  ['Elu', 11, { alpha: float(0.7) }],
  ['Selu', 11],
  ['LeakyRelu', 11, { alpha: float(0.2) }],
  ['HardSigmoid', 11, { alpha: float(0.3) }],
  ['ThresholdedRelu', 11, { alpha: float(0.5) }],
  ['HardSwish', 14],
  ['Mish', 18],
  ['Gelu', 20],
  ['Gelu', 20, { approximate: 'tanh' }],
];
const unary: Op = (g, x) => {
  const [op, since, attributes] = g.dice.pick(kUnary);
  return g.opset < since ? undefined : g.op(op, [x.name], x.dims, attributes);
};
const clip: Op = (g, x) => {
  const bounds = [g.floats([], -1, 0), g.floats([], 0, 1)];
  return g.op('Clip', [x.name, ...(g.dice.of(2) ? bounds : ['', bounds[1]!])], x.dims);
};

// ---------------------------------------------------------------- broadcasting
/** Dims that broadcast with these, and what comes of both. */
function otherDims(g: FloatGraph, dims: Dims): { other: Dims; both: Dims } {
  const other = dims.map((dim) => (g.dice.of(3) ? dim : 1)).slice(g.dice.of(dims.length + 1));
  if (dims.length < 4 && other.length === dims.length && g.dice.of(4) === 0) other.unshift(2);
  const rank = Math.max(other.length, dims.length);
  const long = (short: Dims) => [...Array(rank - short.length).fill(1), ...short] as Dims;
  const [a, b] = [long(other), long(dims)];
  for (let i = 0; i < rank; ++i) {
    if (a[i] === 1 && b[i] === 1 && g.dice.of(3) === 0) a[i] = 3;
  }
  return { other: a.slice(rank - other.length), both: broadcast(a.slice(rank - other.length), b) };
}
function broadcast(a: Dims, b: Dims): Dims {
  const rank = Math.max(a.length, b.length);
  const at = (dims: Dims, i: number) => dims[dims.length - rank + i] ?? 1;
  return Array.from({ length: rank }, (_, i) => Math.max(at(a, i), at(b, i)));
}
const fits = (a: Dims, b: Dims) =>
  a.every((_, i) => {
    const [x, y] = [a[a.length - 1 - i]!, b[b.length - 1 - i] ?? 1];
    return x === y || x === 1 || y === 1;
  });

const binary: Op = (g, x) => {
  const op = g.dice.pick(['Add', 'Sub', 'Mul', 'Max', 'Min', 'Div']);
  const partner = g.dice.pick(g.values);
  if (op !== 'Div' && g.dice.of(2) && fits(x.dims, partner.dims)) {
    return g.op(op, [x.name, partner.name], broadcast(x.dims, partner.dims));
  }
  const { other, both } = otherDims(g, x.dims);
  const constant = op === 'Div' ? g.floats(other, 0.8, 2) : g.floats(other);
  return g.op(op, op === 'Div' || g.dice.of(2) ? [x.name, constant] : [constant, x.name], both);
};
const where: Op = (g, x) => {
  // No further: where all three broadcast each other, onnxruntime refuses some.
  const narrow = x.dims.map((dim) => (g.dice.of(3) ? dim : 1));
  const condition = g.constant(g.dice.integers('bool', 0, 1, ...narrow));
  const partner = g.dice.of(2) ? g.floats(x.dims.map((d) => (g.dice.of(2) ? d : 1))) : g.floats([]);
  return g.op(
    'Where',
    g.dice.of(2) ? [condition, x.name, partner] : [condition, partner, x.name],
    x.dims,
  );
};
const prelu: Op = (g, x) =>
  x.dims.length < 2
    ? undefined
    : g.op('PRelu', [x.name, g.floats([x.dims[1]!, ...x.dims.slice(2).map(() => 1)])], x.dims);
const power: Op = (g, x) =>
  g.op('Pow', [x.name, g.constant({ type: 'float32', dims: [], data: [2] })], x.dims);

// ---------------------------------------------------------------- sums over axes
const reduce: Op = (g, x) => {
  const rank = x.dims.length;
  const op = g.dice.pick([
    'ReduceMean',
    'ReduceSum',
    'ReduceMax',
    'ReduceMin',
    'ReduceL1',
    'ReduceL2',
    'ReduceLogSumExp',
  ]);
  const axes = x.dims.flatMap((_, i) => (g.dice.of(2) ? [i] : []));
  if (axes.length === 0) axes.push(g.dice.of(rank));
  const keepdims = g.dice.of(2);
  const written = axes.map((axis) => (g.dice.of(2) ? axis : axis - rank));
  const dims = x.dims.flatMap((dim, i) => (!axes.includes(i) ? [dim] : keepdims ? [1] : []));
  const asInput = g.opset >= (op === 'ReduceSum' ? 13 : 18);
  return asInput
    ? g.op(op, [x.name, g.ints(written)], dims, { keepdims })
    : g.op(op, [x.name], dims, { axes: written, keepdims });
};
const softmax: Op = (g, x) => {
  const { written } = g.axis(x.dims.length);
  return g.op(g.dice.pick(['Softmax', 'LogSoftmax']), [x.name], x.dims, { axis: written });
};
const cumSum: Op = (g, x) => {
  const { written } = g.axis(x.dims.length);
  const attributes = { exclusive: g.dice.of(2), reverse: g.dice.of(2) };
  return g.op('CumSum', [x.name, g.ints([written], [])], x.dims, attributes);
};
const layerNorm: Op = (g, x) => {
  if (g.opset < 17) return undefined;
  const { axis, written } = g.axis(x.dims.length);
  const rest = x.dims.slice(axis);
  if (sizeOf(rest) < 3) return undefined;
  return g.op('LayerNormalization', [x.name, g.floats(rest), g.floats(rest)], x.dims, {
    axis: written,
    epsilon: float(0.01),
  });
};
const perChannelNorm: Op = (g, x) => {
  const [, channels] = x.dims;
  if (x.dims.length < 3 || sizeOf(x.dims.slice(2)) < 3) return undefined;
  const vectors = [g.floats([channels!]), g.floats([channels!])];
  if (g.dice.of(2)) {
    return g.op('InstanceNormalization', [x.name, ...vectors], x.dims, { epsilon: float(0.01) });
  }
  const moments = [g.floats([channels!]), g.floats([channels!], 0.5, 2)];
  return g.op('BatchNormalization', [x.name, ...vectors, ...moments], x.dims);
};

// ---------------------------------------------------------------- the same elements in another shape
const reshape: Op = (g, x) => {
  const size = sizeOf(x.dims);
  const divisors = Array.from({ length: size }, (_, i) => i + 1).filter((d) => size % d === 0);
  const first = g.dice.pick(divisors);
  const rest = g.dice.pick(divisors.filter((d) => (size / first) % d === 0));
  const dims = g.dice.of(2) ? [first, rest, size / first / rest] : [first, size / first];
  const target = [...dims];
  if (g.dice.of(2)) target[g.dice.of(target.length)] = -1;
  if (dims[0] === x.dims[0] && target[0] !== -1 && g.dice.of(2)) target[0] = 0;
  return g.op('Reshape', [x.name, g.ints(target)], dims);
};
const flatten: Op = (g, x) => {
  const axis = g.dice.of(x.dims.length + 1);
  return g.op('Flatten', [x.name], [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis))], {
    axis,
  });
};
const withAxes = (g: FloatGraph, op: string, x: FloatValue, dims: Dims, axes: number[]) =>
  g.opset >= 13 ? g.op(op, [x.name, g.ints(axes)], dims) : g.op(op, [x.name], dims, { axes });
const unsqueeze: Op = (g, x) => {
  const axis = g.dice.of(x.dims.length + 1);
  return withAxes(g, 'Unsqueeze', x, [...x.dims.slice(0, axis), 1, ...x.dims.slice(axis)], [axis]);
};
const squeeze: Op = (g, x) => {
  const axis = x.dims.indexOf(1);
  if (axis < 0 || x.dims.length < 2) return undefined;
  const written = g.dice.of(2) ? axis : axis - x.dims.length;
  return withAxes(
    g,
    'Squeeze',
    x,
    x.dims.filter((_, i) => i !== axis),
    [written],
  );
};
const transpose: Op = (g, x) => {
  const perm = x.dims.map((_, i) => i);
  for (let i = perm.length - 1; i > 0; --i) {
    const j = g.dice.of(i + 1);
    [perm[i], perm[j]] = [perm[j]!, perm[i]!];
  }
  return g.op(
    'Transpose',
    [x.name],
    perm.map((i) => x.dims[i]!),
    { perm },
  );
};
const depthToSpace: Op = (g, x) => {
  const [n, c, h, w] = x.dims as [number, number, number, number];
  if (x.dims.length !== 4) return undefined;
  if (c % 4 === 0) {
    const mode = g.dice.pick(['DCR', 'CRD']);
    return g.op('DepthToSpace', [x.name], [n, c / 4, 2 * h, 2 * w], { blocksize: 2, mode });
  }
  if (h % 2 || w % 2) return undefined;
  return g.op('SpaceToDepth', [x.name], [n, c * 4, h / 2, w / 2], { blocksize: 2 });
};

// ---------------------------------------------------------------- some of the elements, or more of them
const concat: Op = (g, x) => {
  const { axis, written } = g.axis(x.dims.length);
  const dims = x.dims.map((dim, i) => (i === axis ? g.dice.between(1, 3) : dim));
  const parts = [x.name, g.floats(dims), x.name].slice(0, g.dice.between(2, 3));
  const extent = x.dims[axis]! * (parts.length - 1) + dims[axis]!;
  const out = x.dims.map((dim, i) => (i === axis ? extent : dim));
  return g.op('Concat', parts, out, { axis: written });
};
const split: Op = (g, x) => {
  const { axis, written } = g.axis(x.dims.length);
  const extent = x.dims[axis]!;
  if (extent < 2) return undefined;
  const first = g.dice.between(1, extent - 1);
  const sizes = [first, extent - first];
  const dims = sizes.map((size) => x.dims.map((dim, i) => (i === axis ? size : dim)));
  return g.opset >= 13
    ? g.many('Split', [x.name, g.ints(sizes)], dims, { axis: written })
    : g.many('Split', [x.name], dims, { axis: written, split: sizes });
};
const slice: Op = (g, x) => {
  const { axis, written } = g.axis(x.dims.length);
  const extent = x.dims[axis]!;
  const backwards = g.dice.of(3) === 0;
  const step = g.dice.between(1, 2);
  const low = g.dice.of(extent);
  const high = g.dice.between(low + 1, extent);
  const count = Math.ceil((high - low) / step);
  const dims = x.dims.map((dim, i) => (i === axis ? count : dim));
  const end = high === extent && g.dice.of(2) ? 1000 : high;
  const range = backwards
    ? [high - 1 - extent, low === 0 ? -1000 : low - 1, -step]
    : [low, end, step];
  const [from, to, by] = range.map((value) => g.ints([value]));
  return g.op('Slice', [x.name, from!, to!, g.ints([written]), by!], dims);
};
const pad: Op = (g, x) => {
  const mode = g.dice.pick(['constant', 'reflect', 'edge']);
  const side = () => x.dims.map((dim) => Math.min(g.dice.of(3), mode === 'reflect' ? dim - 1 : 2));
  const [begin, end] = [side(), side()];
  const dims = x.dims.map((dim, i) => dim + begin[i]! + end[i]!);
  const value = mode === 'constant' && g.dice.of(2) ? [g.floats([])] : [];
  return g.op('Pad', [x.name, g.ints([...begin, ...end]), ...value], dims, { mode });
};
const gather: Op = (g, x) => {
  const { axis, written } = g.axis(x.dims.length);
  const extent = x.dims[axis]!;
  const dims = [[], [3], [2, 2]][g.dice.of(3)]!;
  const indices = g.constant(g.dice.integers('int64', -extent, extent - 1, ...dims));
  const out = [...x.dims.slice(0, axis), ...dims, ...x.dims.slice(axis + 1)];
  return g.op('Gather', [x.name, indices], out, { axis: written });
};
const expand: Op = (g, x) => {
  const { other, both } = otherDims(g, x.dims);
  return g.op('Expand', [x.name, g.ints(other)], both);
};
const tile: Op = (g, x) => {
  const repeats = x.dims.map(() => g.dice.between(1, 2));
  return g.op(
    'Tile',
    [x.name, g.ints(repeats)],
    x.dims.map((dim, i) => dim * repeats[i]!),
  );
};

/** What takes a scalar. */
export const kScalarOps: readonly Op[] = [unary, clip, binary, power, unsqueeze, expand];

export const kFloatOps: readonly Op[] = [
  unary,
  unary,
  unary,
  clip,
  binary,
  binary,
  binary,
  where,
  prelu,
  power,
  reduce,
  reduce,
  softmax,
  cumSum,
  layerNorm,
  perChannelNorm,
  reshape,
  flatten,
  unsqueeze,
  squeeze,
  transpose,
  depthToSpace,
  concat,
  split,
  slice,
  pad,
  gather,
  expand,
  tile,
  ...kFloatLayers,
];
