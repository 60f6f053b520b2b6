// Arrays to samples. Arrays are named as the model's inputs, and cut by their shape:
//   one axis more than the input      one sample per row            [N, C, H, W] for [C, H, W]
//   same rank, first dimension of the input free or 1: rows of one  [N, C, H, W] for [1, C, H, W]
//   anything else, and a scalar       fed whole with every sample
// Outputs are put together again likewise.
import { EightfoldError } from './errors.ts';
import type { Feeds, Tensor, TensorData, ValueInfo } from './types.ts';

/** How an array meets its input. */
type Cut = 'row' | 'slice' | 'whole';

export interface DataArray {
  readonly tensor: Tensor;
  readonly cut: Cut;
}

export interface DataSet extends Iterable<Feeds> {
  /** Number of samples. */
  readonly length: number;
  readonly arrays: Readonly<Record<string, DataArray>>;
  /** Whether outputs get a new first axis (`row`), are joined along it (`slice`) or stay (`whole`). */
  readonly cut: Cut;
  at(index: number): Feeds;
}

function refuse(message: string, hint: string): never {
  throw new EightfoldError('invalid_input', message, { hint });
}

function cutOf({ dims }: Tensor, input: ValueInfo): Cut {
  const wanted = input.dims;
  if (dims.length === 0 || !wanted) return 'whole';
  if (dims.length === wanted.length + 1) return 'row';
  const first = wanted[0];
  const isFree = first === 1 || typeof first !== 'number';
  return dims.length === wanted.length && isFree ? 'slice' : 'whole';
}

function elementsOf(data: TensorData, from: number, to: number): TensorData {
  return Array.isArray(data) ? data.slice(from, to) : data.subarray(from, to);
}

/** Sample `index` of an array: a view, not a copy. */
function cutOut({ tensor, cut }: DataArray, index: number): Tensor {
  if (cut === 'whole') return tensor;
  const { type, data, dims } = tensor;
  const rest = dims.slice(1);
  const size = rest.reduce((a, b) => a * b, 1);
  const part = elementsOf(data, index * size, (index + 1) * size);
  return { type, data: part, dims: cut === 'row' ? rest : [1, ...rest] };
}

function countOf(arrays: Readonly<Record<string, DataArray>>): number {
  const rows = Object.entries(arrays).filter(([, { cut }]) => cut !== 'whole');
  const counts = new Set(rows.map(([, { tensor }]) => tensor.dims[0]!));
  if (counts.size <= 1) return counts.size === 0 ? 1 : [...counts][0]!;
  const list = rows.map(([name, { tensor }]) => `'${name}' has ${tensor.dims[0]}`).join(', ');
  refuse(
    `the arrays hold different numbers of samples: ${list}`,
    'Give each input one row per sample.',
  );
}

/** Samples for `inputs` from arrays of their names; other arrays (labels, say) are left aside. */
export function splitSamples(
  arrays: Readonly<Record<string, Tensor>>,
  inputs: readonly ValueInfo[],
): DataSet {
  const used = Object.fromEntries(
    inputs.map((input) => {
      const tensor = Object.hasOwn(arrays, input.name) ? arrays[input.name] : undefined;
      if (tensor) return [input.name, { tensor, cut: cutOf(tensor, input) }];
      const names = Object.keys(arrays).join("', '");
      return refuse(
        `there is no array for the input '${input.name}'`,
        `The arrays are '${names}'; the inputs '${inputs.map(({ name }) => name).join("', '")}'.`,
      );
    }),
  );
  const length = countOf(used);
  const cuts = Object.values(used).map(({ cut }) => cut);
  const cut = cuts.find((one) => one === 'slice') ?? cuts.find((one) => one === 'row') ?? 'whole';
  const at = (index: number) =>
    Object.fromEntries(Object.entries(used).map(([name, array]) => [name, cutOut(array, index)]));
  return {
    length,
    arrays: used,
    cut,
    at,
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield at(i);
    },
  };
}

function joinData(parts: readonly Tensor[]): TensorData {
  const first = parts[0]!.data;
  if (Array.isArray(first)) return parts.flatMap(({ data }) => data as string[]);
  const length = parts.reduce((sum, { data }) => sum + data.length, 0);
  const joined = new (first.constructor as Float32ArrayConstructor)(length);
  let offset = 0;
  for (const { data } of parts) {
    joined.set(data as Float32Array, offset);
    offset += data.length;
  }
  return joined;
}

/**
 * The outputs of all samples as one array, `undefined` when their shapes differ: joined along the
 * first axis where samples were slices and each output is one row, stacked along a new one otherwise.
 */
export function joinOutputs(parts: readonly Tensor[], cut: Cut): Tensor | undefined {
  const first = parts[0];
  if (!first) return undefined;
  if (cut === 'whole' && parts.length === 1) return first;
  const { type, dims } = first;
  if (parts.some((part) => part.dims.join() !== dims.join())) return undefined;
  const isRow = cut === 'slice' && dims[0] === 1;
  return {
    type,
    dims: [parts.length, ...(isRow ? dims.slice(1) : dims)],
    data: joinData(parts),
  };
}
