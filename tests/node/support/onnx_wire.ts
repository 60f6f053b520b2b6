// Takes an ONNX file apart at the level of protobuf fields and puts parts of it together again, so that a
// test can run one node of a model alone. Knows field numbers only; independent of Eightfold's importer.

interface Field {
  number: number;
  wire: number;
  value: bigint;
  /** Payload of a length-delimited field. */
  bytes: Uint8Array;
}

export interface WireNode {
  name: string;
  opType: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  raw: Uint8Array;
}

export interface WireModel {
  irVersion: number;
  opsets: Uint8Array[];
  nodes: WireNode[];
  initializers: Map<string, Uint8Array>;
  outputs: string[];
}

export interface ValueSpec {
  name: string;
  /** TensorProto.DataType; absent: name only. */
  elementType?: number;
  dims?: readonly number[];
}

const kText = new TextDecoder();
const kBytes = new TextEncoder();

function varint(bytes: Uint8Array, at: number): [bigint, number] {
  let value = 0n;
  let position = at;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[position++];
    if (byte === undefined) throw new Error('truncated varint');
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, position];
  }
}

export function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [key, afterKey] = varint(bytes, at);
    const wire = Number(key & 7n);
    const field: Field = { number: Number(key >> 3n), wire, value: 0n, bytes: new Uint8Array() };
    at = afterKey;
    if (wire === 0) [field.value, at] = varint(bytes, at);
    else if (wire === 2) {
      const [length, start] = varint(bytes, at);
      at = start + Number(length);
      field.bytes = bytes.subarray(start, at);
    } else at += wire === 1 ? 8 : 4;
    fields.push(field);
  }
  return fields;
}

const textsOf = (fields: Field[], number: number): string[] =>
  fields.filter((field) => field.number === number).map((field) => kText.decode(field.bytes));

function nodeOf(raw: Uint8Array): WireNode {
  const fields = fieldsOf(raw);
  const text = (number: number) => textsOf(fields, number)[0] ?? '';
  return {
    name: text(3),
    opType: text(4),
    domain: text(7),
    inputs: textsOf(fields, 1),
    outputs: textsOf(fields, 2),
    raw,
  };
}

export function readWireModel(bytes: Uint8Array): WireModel {
  const model = fieldsOf(bytes);
  const graph = fieldsOf(model.find((field) => field.number === 7)?.bytes ?? new Uint8Array());
  const parts = (number: number) =>
    graph.filter((field) => field.number === number).map((field) => field.bytes);
  const nameOf = (number: number) => (raw: Uint8Array) => textsOf(fieldsOf(raw), number)[0] ?? '';
  return {
    irVersion: Number(model.find((field) => field.number === 1)?.value ?? 8n),
    opsets: model.filter((field) => field.number === 8).map((field) => field.bytes),
    nodes: parts(1).map(nodeOf),
    initializers: new Map(parts(5).map((raw) => [nameOf(8)(raw), raw])),
    outputs: parts(12).map(nameOf(1)),
  };
}

function encodeVarint(value: number): number[] {
  const out: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
  return out;
}

const numberField = (number: number, value: number): Uint8Array =>
  Uint8Array.from([...encodeVarint(number << 3), ...encodeVarint(value)]);

function bytesField(number: number, payload: Uint8Array): Uint8Array {
  const head = [...encodeVarint((number << 3) | 2), ...encodeVarint(payload.length)];
  return concat([Uint8Array.from(head), payload]);
}

const textField = (number: number, text: string) => bytesField(number, kBytes.encode(text));

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function valueInfo({ name, elementType, dims }: ValueSpec): Uint8Array {
  if (elementType === undefined) return textField(1, name);
  const shape = concat((dims ?? []).map((dim) => bytesField(1, numberField(1, dim))));
  const tensor = concat([numberField(1, elementType), bytesField(2, shape)]);
  return concat([textField(1, name), bytesField(2, bytesField(1, tensor))]);
}

/** The same file with every named value among its graph outputs. */
export function withOutputs(bytes: Uint8Array, names: readonly string[]): Uint8Array {
  const graphFields = fieldsOf(bytes).map((field) => {
    if (field.number === 7) {
      const added = names.map((name) => bytesField(12, valueInfo({ name })));
      return bytesField(7, concat([field.bytes, ...added]));
    }
    return field.wire === 0
      ? numberField(field.number, Number(field.value))
      : bytesField(field.number, field.bytes);
  });
  return concat(graphFields);
}

/** A model of one node of `model`, with its constants, fed with `inputs`. */
export function singleNodeModel(
  model: WireModel,
  node: WireNode,
  inputs: readonly ValueSpec[],
): Uint8Array {
  return partOfModel(model, [node], inputs, node.outputs.filter(Boolean));
}

/** A model of some nodes of `model`, in their order, with their constants. */
export function partOfModel(
  model: WireModel,
  nodes: readonly WireNode[],
  inputs: readonly ValueSpec[],
  outputs: readonly string[],
): Uint8Array {
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const constants = [...read].flatMap((name) => model.initializers.get(name) ?? []);
  const graph = concat([
    ...nodes.map(({ raw }) => bytesField(1, raw)),
    textField(2, 'part'),
    ...constants.map((raw) => bytesField(5, raw)),
    ...inputs.map((input) => bytesField(11, valueInfo(input))),
    ...outputs.map((name) => bytesField(12, valueInfo({ name }))),
  ]);
  return concat([
    numberField(1, model.irVersion),
    bytesField(7, graph),
    ...model.opsets.map((raw) => bytesField(8, raw)),
  ]);
}
