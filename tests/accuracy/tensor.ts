// The tensors that travel between data, runners and scores: {type, data, dims}, the shape that both
// onnxruntime-web and Eightfold accept. One sample is a flat Float32Array; a batch is samples laid
// end to end: batch[n] occupies elements n*size .. (n+1)*size.

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export interface Tensor {
  readonly type: string;
  readonly data: TensorData;
  readonly dims: readonly number[];
}

export type Feeds = Record<string, Tensor>;

/** One sample's outputs by name, as numbers: int64 class ids become exact doubles. */
export type Answer = Record<string, Float32Array>;

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, extent) => product * extent, 1);
}

export function floatTensor(data: Float32Array, dims: readonly number[]): Tensor {
  return { type: 'float32', data, dims };
}

export function toFloats(data: TensorData): Float32Array {
  return data instanceof Float32Array
    ? data
    : Float32Array.from(data as ArrayLike<number | bigint>, Number);
}

/** Lays samples of shape `dims` end to end as one tensor [samples.length, ...dims]. */
export function stack(samples: readonly Float32Array[], dims: readonly number[]): Tensor {
  const size = elementCount(dims);
  const data = new Float32Array(samples.length * size);
  samples.forEach((sample, n) => {
    if (sample.length !== size)
      throw new Error(`sample ${n} has ${sample.length} elements, wanted ${size}`);
    data.set(sample, n * size);
  });
  return floatTensor(data, [samples.length, ...dims]);
}

/** Cuts outputs whose first axis is the batch into one Answer per sample. */
export function unstack(outputs: Feeds, count: number): Answer[] {
  const names = Object.keys(outputs);
  const flat = names.map((name) => toFloats(outputs[name]!.data));
  return Array.from({ length: count }, (_, n) => {
    const answer: Answer = {};
    names.forEach((name, k) => {
      const size = flat[k]!.length / count;
      if (!Number.isInteger(size))
        throw new Error(`output ${name} does not divide into ${count} samples`);
      answer[name] = flat[k]!.slice(n * size, (n + 1) * size);
    });
    return answer;
  });
}
