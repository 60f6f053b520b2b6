// Which element types an operator accepts, by asking it: a case of the ONNX operator suite is run again and again
// with its first input, and every other input of the same type, changed to each type in turn. Nothing is listed by
// hand. A row without a case in the suite is not asked.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { OperatorInfo, Tensor } from '../../bindings/js/types.ts';
import { inData } from '../../tests/accuracy/data.ts';
import { readTensorProto } from '../../tests/accuracy/tensor_proto.ts';
import { eightfold } from '../../tests/node/support/eightfold.ts';
import { untar } from './tar.ts';

const kTypes = {
  float32: [1, Float32Array],
  float64: [11, Float64Array],
  float16: [10, Uint16Array],
  uint8: [2, Uint8Array],
  int8: [3, Int8Array],
  uint16: [4, Uint16Array],
  int16: [5, Int16Array],
  uint32: [12, Uint32Array],
  int32: [6, Int32Array],
  uint64: [13, BigUint64Array],
  int64: [7, BigInt64Array],
  bool: [9, Uint8Array],
} as const;
type Name = keyof typeof kTypes;
export const kTypeNames = Object.keys(kTypes) as Name[];

const kCasesAsked = 4;

interface Case {
  model: Uint8Array;
  inputs: Tensor[];
}

/** Fields of a message: number, wire type, where the payload is. */
function* fields(bytes: Uint8Array, from: number, to: number) {
  let at = from;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < to) {
    const key = varint();
    const wire = key % 8;
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    const start = at;
    if (wire === 0) varint();
    else at += length;
    yield { number: Math.floor(key / 8), start, end: at };
  }
}

/** Places of the payloads under a path of field numbers. */
function places(bytes: Uint8Array, path: readonly number[], from = 0, to = bytes.length): number[] {
  const [head, ...rest] = path;
  const found: number[] = [];
  for (const { number, start, end } of fields(bytes, from, to)) {
    if (number !== head) continue;
    if (rest.length) found.push(...places(bytes, rest, start, end));
    else found.push(start);
  }
  return found;
}

// model.graph.input.type.tensor_type.elem_type: one byte for every type that is asked for.
const kInputTypes = [7, 11, 2, 1, 1];
const kOutputTypes = [7, 12, 2, 1, 1];

function withType(model: Uint8Array, from: number, to: number): Uint8Array {
  const copy = new Uint8Array(model); // slice() of a Buffer would be a view
  for (const at of [...places(model, kInputTypes), ...places(model, kOutputTypes)]) {
    if (copy[at] === from) copy[at] = to;
  }
  return copy;
}

function convert({ data, dims }: Tensor, type: Name): Tensor {
  const array = kTypes[type][1] as unknown as { from(values: Iterable<unknown>): Tensor['data'] };
  const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
  const isBig = type === 'int64' || type === 'uint64';
  const isFloat = type === 'float32' || type === 'float64';
  const values = numbers.map((value) => {
    const safe = Number.isFinite(value) ? value : 1;
    if (isFloat) return safe;
    const whole = Math.min(100, Math.abs(Math.round(safe)));
    return type === 'bool' ? whole % 2 : isBig ? BigInt(whole) : whole;
  });
  return { type, dims, data: array.from(values) };
}

async function accepts({ model, inputs }: Case, type: Name): Promise<boolean> {
  const own = inputs[0]!.type as Name;
  try {
    using session = await eightfold.createSession(withType(model, kTypes[own][0], kTypes[type][0]));
    const feeds = session.inputNames.map((name, i) => {
      const input = inputs[i]!;
      return [name, input.type === own ? convert(input, type) : input] as const;
    });
    await session.run(Object.fromEntries(feeds));
    return true;
  } catch {
    return false;
  }
}

/** Cases of the suite by operator, those of one operator alone. */
function suite(): Map<string, (Case & { opset: number })[]> {
  const files = untar(
    gunzipSync(readFileSync(inData('onnx-node-tests', 'onnx-node-tests.tar.gz'))),
  );
  const listing = readFileSync(inData('onnx-node-tests', 'listing.tsv'), 'utf8');
  const cases = new Map<string, (Case & { opset: number })[]>();
  for (const line of listing.split('\n').slice(1)) {
    const [group, test, op, opset] = line.split('\t');
    if (!op || op.includes(',') || op.includes(' ')) continue;
    const at = (name: string) =>
      files.get(`${group}/${test}/${name}`) ??
      files.get(`onnx-node-tests/${group}/${test}/${name}`);
    const model = at('model.onnx');
    if (!model) continue;
    try {
      const inputs: Tensor[] = [];
      for (let i = 0; ; i++) {
        const bytes = at(`test_data_set_0/input_${i}.pb`);
        if (!bytes) break;
        const { type, data, dims } = readTensorProto(bytes);
        inputs.push({ type, data, dims } as Tensor);
      }
      if (!inputs.length || !(inputs[0]!.type in kTypes)) continue;
      const list = cases.get(op) ?? [];
      cases.set(op, [...list, { model, inputs, opset: Number(opset) }]);
    } catch {
      // A tensor that is not read here: another case may do.
    }
  }
  return cases;
}

/** The types of the first input by row; undefined where there is no case that runs. */
export async function acceptedTypes(
  rows: readonly OperatorInfo[],
): Promise<(readonly Name[] | undefined)[]> {
  const cases = suite();
  const found: (readonly Name[] | undefined)[] = [];
  for (const { domain, opType, since, until } of rows) {
    const fitting = (domain === '' ? (cases.get(opType) ?? []) : []).filter(
      ({ opset }) => opset >= since && (until === null || opset <= until),
    );
    const asked: Case[] = [];
    for (const one of fitting) {
      if (asked.length === kCasesAsked) break;
      if (await accepts(one, one.inputs[0]!.type as Name)) asked.push(one);
    }
    const types: Name[] = [];
    for (const type of kTypeNames) {
      for (const one of asked) {
        if (!(await accepts(one, type))) continue;
        types.push(type);
        break;
      }
    }
    found.push(asked.length ? types : undefined);
  }
  return found;
}
