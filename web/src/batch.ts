// Samples put together into one, for models whose first dimension is free: [1, ...] x n -> [n, ...].
import type { Feeds, ModelInfo, Tensor, TensorData } from '../../bindings/js/types.ts';
import type { SampleSet } from './samples.ts';

function join(parts: readonly Tensor[]): Tensor {
  const { type, dims, data } = parts[0]!;
  if (Array.isArray(data)) throw new TypeError('strings are not joined');
  const size = data.length;
  const joined = new (data.constructor as Float32ArrayConstructor)(size * parts.length);
  parts.forEach((part, i) => joined.set(part.data as Float32Array, i * size));
  return { type, dims: [parts.length, ...dims.slice(1)], data: joined as TensorData };
}

/** Every input may have any number of rows, and each sample is one row of it. */
function joinable({ inputs }: ModelInfo, sample: Feeds): boolean {
  return inputs.every(({ name, dims, type }) => {
    const isFree = dims !== null && dims.length > 0 && typeof dims[0] !== 'number';
    return isFree && type !== 'string' && sample[name]?.dims[0] === 1;
  });
}

/** The first samples as one feed of up to `most` rows; of one row where they cannot be joined. */
export async function batchOf(
  info: ModelInfo,
  set: SampleSet,
  most: number,
): Promise<{ feeds: Feeds; rows: number }> {
  const first = await set.at(0);
  const rows = joinable(info, first) ? Math.min(most, set.length) : 1;
  if (rows === 1) return { feeds: first, rows };
  const samples = await Promise.all(Array.from({ length: rows }, (_, i) => set.at(i)));
  const names = info.inputs.map(({ name }) => name);
  const tensors = names.map((name) => [name, join(samples.map((sample) => sample[name]!))]);
  return { feeds: Object.fromEntries(tensors), rows };
}
