// Tensors as users hold them (a typed array with its dims) and as they cross the border (bytes).
import type { WireTensor } from './core.ts';
import { EightfoldError } from './errors.ts';
import type { Feeds, Tensor, TensorData, TensorType } from './types.ts';

type NumericType = Exclude<TensorType, 'string'>;
type NumericData = Exclude<TensorData, string[]>;
type ArrayType = new (buffer: ArrayBuffer, offset?: number, length?: number) => NumericData;

/** The typed array of each element type. */
export const arrayTypes: Record<NumericType, ArrayType & { BYTES_PER_ELEMENT: number }> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  bool: Uint8Array,
};

function refuse(name: string, what: string): never {
  throw new EightfoldError('invalid_input', `tensor '${name}' ${what}`, {
    hint: 'A tensor is { type, data, dims }, for example { type: "float32", data: new Float32Array(6), dims: [2, 3] }.',
  });
}

/** Some engines have a Float16Array, and onnxruntime-web uses it there. */
const isHalf = (data: object) => data.constructor.name === 'Float16Array';

function bytesOf(name: string, type: NumericType, data: TensorData): Uint8Array {
  const expected = arrayTypes[type];
  if (!(data instanceof expected) && !(type === 'float16' && isHalf(data))) {
    refuse(
      name,
      `of type ${type} holds its data in ${data?.constructor?.name}, not in ${expected.name}`,
    );
  }
  const { buffer, byteOffset, byteLength } = data as NumericData;
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

function checkDims(name: string, dims: unknown, data: TensorData | undefined): void {
  if (!Array.isArray(dims) || !dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    refuse(name, 'has no dims, or some that are not whole numbers');
  }
  const count = dims.reduce((a, b) => a * b, 1);
  if (data?.length === count) return;
  refuse(
    name,
    `has ${data?.length ?? 'no'} elements, where its dims [${dims.join(', ')}] say ${count}`,
  );
}

export function wireTensor(name: string, tensor: Tensor): WireTensor {
  if (typeof tensor !== 'object' || tensor === null) refuse(name, 'is not a tensor');
  const { type, data, dims } = tensor;
  checkDims(name, dims, data);
  if (type === 'string') {
    if (!Array.isArray(data) || !data.every((text) => typeof text === 'string')) {
      refuse(name, 'of type string holds something else than an array of strings');
    }
    return { name, type, dims: [...dims], data };
  }
  if (!(type in arrayTypes)) refuse(name, `has the unknown type '${type}'`);
  return { name, type, dims: [...dims], data: bytesOf(name, type, data) };
}

/** Feeds for the core; views of the user's arrays, copied during the call. */
export function toWire(feeds: Feeds): WireTensor[] {
  if (typeof feeds !== 'object' || feeds === null) {
    throw new EightfoldError('invalid_input', 'feeds must be an object of tensors by input name');
  }
  return Object.entries(feeds).map(([name, tensor]) => wireTensor(name, tensor));
}

export function fromWireTensor({ type, dims, data }: WireTensor): Tensor {
  if (type === 'string') return { type, dims, data: data as string[] };
  const bytes = data as Uint8Array<ArrayBuffer>;
  const array = arrayTypes[type as NumericType];
  const values = new array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.byteLength / array.BYTES_PER_ELEMENT,
  );
  return { type: type as TensorType, dims, data: values };
}

/** Outputs of the core, whose bytes are already the user's own. */
export function fromWire(tensors: readonly WireTensor[]): Record<string, Tensor> {
  return Object.fromEntries(tensors.map((tensor) => [tensor.name, fromWireTensor(tensor)]));
}

/** A deep copy as plain objects: for keeping samples, and for sending them to a worker. */
export function copyFeeds(feeds: Feeds): Feeds {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => [
      name,
      { type, data: data.slice() as TensorData, dims: [...dims] },
    ]),
  );
}
