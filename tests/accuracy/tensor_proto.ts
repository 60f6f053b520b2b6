// Reads one ONNX TensorProto (the input_K.pb / output_K.pb files of a test data set) from its
// protobuf wire form. Fields used: 1 dims, 2 data_type, 4 float_data, 5 int32_data, 7 int64_data,
// 8 name, 9 raw_data, 10 double_data. Written apart from the core's importer on purpose: the tests
// should not trust the code they test.
import type { Tensor, TensorData } from './tensor.ts';

type ArrayType = {
  new (buffer: ArrayBuffer): TensorData;
  from(values: Iterable<never>): TensorData;
};

const kTypes: Record<number, [name: string, array: unknown]> = {
  1: ['float32', Float32Array],
  2: ['uint8', Uint8Array],
  3: ['int8', Int8Array],
  6: ['int32', Int32Array],
  7: ['int64', BigInt64Array],
  9: ['bool', Uint8Array],
  11: ['float64', Float64Array],
};

class WireReader {
  private at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || shift > 63n) throw new Error('TensorProto: bad varint');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new Error('TensorProto: truncated');
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }

  /** A payload by wire type: 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  payload(wire: number): bigint | Uint8Array {
    if (wire === 0) return this.varint();
    if (wire === 2) return this.take(Number(this.varint()));
    if (wire === 1 || wire === 5) return this.take(wire === 1 ? 8 : 4);
    throw new Error(`TensorProto: wire type ${wire}`);
  }
}

function integers(payload: bigint | Uint8Array): bigint[] {
  if (typeof payload === 'bigint') return [payload];
  const values: bigint[] = [];
  for (const reader = new WireReader(payload); !reader.done; ) values.push(reader.varint());
  return values;
}

function concat(parts: readonly Uint8Array[]): ArrayBuffer {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole.buffer;
}

export interface NamedTensor extends Tensor {
  readonly name: string;
}

export function readTensorProto(bytes: Uint8Array): NamedTensor {
  const dims: number[] = [];
  const ints: bigint[] = [];
  const raw: Uint8Array[] = [];
  let dataType = 0;
  let name = '';
  for (const reader = new WireReader(bytes); !reader.done; ) {
    const key = Number(reader.varint());
    const payload = reader.payload(key & 7);
    const field = key >> 3;
    if (field === 1) dims.push(...integers(payload).map(Number));
    else if (field === 2) dataType = Number(payload);
    else if (field === 5 || field === 7) ints.push(...integers(payload));
    else if (field === 8) name = new TextDecoder().decode(payload as Uint8Array);
    else if (field === 4 || field === 9 || field === 10) raw.push(payload as Uint8Array);
  }
  const known = kTypes[dataType];
  if (!known) throw new Error(`TensorProto ${name}: data type ${dataType} is not read here`);
  const array = known[1] as ArrayType;
  const values = dataType === 7 ? ints : ints.map(Number);
  const data = ints.length > 0 ? array.from(values as Iterable<never>) : new array(concat(raw));
  return { name, type: known[0], data, dims };
}
