// ONNX files from plain objects: a protobuf writer of just the messages that the benchmark and the tests need.
// Field numbers: onnx.proto. A message is a list of fields; a field is [number, value].

type Field = readonly [number: number, value: number | bigint | string | Uint8Array | undefined];

function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function message(fields: readonly Field[]): Uint8Array {
  return join(
    fields.flatMap(([number, value]) => {
      if (value === undefined) return [];
      if (typeof value === 'number' || typeof value === 'bigint') {
        return [Uint8Array.from([...varint(number << 3), ...varint(value)])];
      }
      const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
      return [Uint8Array.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes];
    }),
  );
}

const floatField = (number: number, value: number) =>
  join([Uint8Array.from(varint((number << 3) | 5)), new Uint8Array(Float32Array.of(value).buffer)]);

export const kDataTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  uint4: 21,
  int4: 22,
};
export type DataType = keyof typeof kDataTypes;

export interface TensorSpec {
  type?: DataType;
  dims: number[];
  data: number[];
  /** Keeps the data in a file of this name. */
  external?: { location: string; offset?: number; length?: number };
}

function rawData(type: DataType, data: readonly number[]): Uint8Array {
  if (type === 'int64') return new Uint8Array(BigInt64Array.from(data.map(BigInt)).buffer);
  if (type === 'uint16' || type === 'int16') return new Uint8Array(Int16Array.from(data).buffer);
  if (type === 'uint4' || type === 'int4') {
    // Two in a byte, the first in its low half.
    return Uint8Array.from({ length: Math.ceil(data.length / 2) }, (_, i) => {
      return (data[2 * i]! & 15) | (((data[2 * i + 1] ?? 0) & 15) << 4);
    });
  }
  if (type === 'int32') return new Uint8Array(Int32Array.from(data).buffer);
  if (type === 'float32') return new Uint8Array(Float32Array.from(data).buffer);
  return Uint8Array.from(data);
}

function tensor(name: string, { type = 'float32', dims, data, external }: TensorSpec): Uint8Array {
  const entries = Object.entries(external ?? {}).map(
    ([key, value]) =>
      [
        13,
        message([
          [1, key],
          [2, String(value)],
        ]),
      ] as const,
  );
  return message([
    ...dims.map((dim) => [1, dim] as const),
    [2, kDataTypes[type]],
    [8, name],
    ...(external ? [...entries, [14, 1] as const] : [[9, rawData(type, data)] as const]),
  ]);
}

export type AttributeValue =
  | number
  | string
  | number[]
  | { float: number }
  | { graph: GraphSpec }
  | TensorSpec;

function attribute(name: string, value: AttributeValue): Uint8Array {
  if (typeof value === 'number')
    return message([
      [1, name],
      [3, value],
      [20, 2],
    ]);
  if (typeof value === 'string')
    return message([
      [1, name],
      [4, value],
      [20, 3],
    ]);
  if (Array.isArray(value)) {
    return message([[1, name], ...value.map((item) => [8, item] as const), [20, 7]]);
  }
  if ('float' in value) {
    return join([message([[1, name]]), floatField(2, value.float), message([[20, 1]])]);
  }
  if ('graph' in value) {
    return message([
      [1, name],
      [6, graphMessage(value.graph)],
      [20, 5],
    ]);
  }
  return message([
    [1, name],
    [5, tensor('', value)],
    [20, 4],
  ]);
}

export interface NodeSpec {
  op: string;
  inputs: string[];
  outputs: string[];
  name?: string;
  domain?: string;
  attributes?: Record<string, AttributeValue>;
}

function nodeMessage({ op, inputs, outputs, name, domain, attributes = {} }: NodeSpec) {
  return message([
    ...inputs.map((input) => [1, input] as const),
    ...outputs.map((output) => [2, output] as const),
    [3, name],
    [4, op],
    ...Object.entries(attributes).map(([key, value]) => [5, attribute(key, value)] as const),
    [7, domain],
  ]);
}

export interface ValueSpec {
  type?: DataType;
  /** Absent: not even the rank is told. */
  dims?: (number | string)[];
}

function valueInfo(name: string, { type = 'float32', dims }: ValueSpec): Uint8Array {
  const shape = message(
    (dims ?? []).map((dim) => [1, message([[typeof dim === 'number' ? 1 : 2, dim]])] as const),
  );
  return message([
    [1, name],
    [
      2,
      message([
        [
          1,
          message([
            [1, kDataTypes[type]],
            [2, dims ? shape : undefined],
          ]),
        ],
      ]),
    ],
  ]);
}

export interface GraphSpec {
  nodes: NodeSpec[];
  inputs: Record<string, ValueSpec>;
  outputs: Record<string, ValueSpec>;
  initializers?: Record<string, TensorSpec>;
}

function graphMessage({ nodes, inputs, outputs, initializers = {} }: GraphSpec): Uint8Array {
  return message([
    ...nodes.map((node) => [1, nodeMessage(node)] as const),
    [2, 'test'],
    ...Object.entries(initializers).map(([name, value]) => [5, tensor(name, value)] as const),
    ...Object.entries(inputs).map(([name, value]) => [11, valueInfo(name, value)] as const),
    ...Object.entries(outputs).map(([name, value]) => [12, valueInfo(name, value)] as const),
  ]);
}

/** A model-local function: calls name its domain and op. */
export interface FunctionSpec {
  domain: string;
  name: string;
  inputs: string[];
  outputs: string[];
  nodes: NodeSpec[];
}

const functionMessage = ({ domain, name, inputs, outputs, nodes }: FunctionSpec) =>
  message([
    [1, name],
    ...inputs.map((input) => [4, input] as const),
    ...outputs.map((output) => [5, output] as const),
    ...nodes.map((node) => [7, nodeMessage(node)] as const),
    [10, domain],
  ]);

export interface ModelSpec extends GraphSpec {
  opset?: number;
  /** Versions of other domains. */
  opsets?: Record<string, number>;
  functions?: FunctionSpec[];
}

/** The bytes of an ONNX file. */
export function onnxModel({ opset = 13, opsets = {}, functions = [], ...graph }: ModelSpec) {
  const used = graph.nodes.flatMap(({ domain }) => (domain ? [[domain, 1] as const] : []));
  const versions = { ...Object.fromEntries(used), ...opsets };
  const others = Object.entries(versions).map(
    ([domain, version]) =>
      [
        8,
        message([
          [1, domain],
          [2, version],
        ]),
      ] as const,
  );
  return message([
    [1, opset > 20 ? 10 : 8],
    [2, 'onnx_builder'],
    [7, graphMessage(graph)],
    [8, message([[2, opset]])],
    ...others,
    ...functions.map((each) => [25, functionMessage(each)] as const),
  ]);
}
