// One small model in both runtimes: onnxruntime-web is the truth that our outputs are held against, byte by byte
// unless a test says why not.
import assert from 'node:assert/strict';
import * as ort from 'onnxruntime-web';
import { eightfold, type Tensor } from './eightfold.ts';
import {
  type AttributeValue,
  type DataType,
  type NodeSpec,
  onnxModel,
  type TensorSpec,
  type ValueSpec,
} from './onnx_builder.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

export type Dims = number[];
export type Filled = Required<Pick<TensorSpec, 'type' | 'dims' | 'data'>>;

const count = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** Numbers from a seed. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0;
  }
  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  of(sides: number): number {
    return Math.floor(this.next() * sides);
  }
  pick<T>(from: readonly T[]): T {
    return from[this.of(from.length)]!;
  }
  between(low: number, high: number): number {
    return low + this.of(high - low + 1);
  }
  #filled(type: DataType, dims: Dims, make: () => number): Filled {
    return { type, dims, data: Array.from({ length: count(dims) }, make) };
  }
  u8(...dims: Dims): Filled {
    return this.#filled('uint8', dims, () => this.of(256));
  }
  s8(...dims: Dims): Filled {
    return this.#filled('int8', dims, () => this.of(256) - 128);
  }
  /** Of either 8-bit type. */
  bytes(type: DataType, ...dims: Dims): Filled {
    return type === 'int8' ? this.s8(...dims) : this.u8(...dims);
  }
  integers(type: DataType, low: number, high: number, ...dims: Dims): Filled {
    return this.#filled(type, dims, () => this.between(low, high));
  }
  floats(low: number, high: number, ...dims: Dims): Filled {
    return this.#filled('float32', dims, () => Math.fround(low + (high - low) * this.next()));
  }
  scale(): Filled {
    return this.floats(0.004, 0.03);
  }
  scales(n: number): Filled {
    return this.floats(0.002, 0.02, n);
  }
  zero(type: DataType): Filled {
    return type === 'int8' ? this.integers(type, -20, 20) : this.integers(type, 100, 150);
  }
}

export const scalar = (type: DataType, value: number): Filled => ({
  type,
  dims: [],
  data: [value],
});

/** Writes a model node by node. */
export class Writer {
  readonly nodes: NodeSpec[] = [];
  readonly inputs: Record<string, ValueSpec> = {};
  readonly outputs: Record<string, ValueSpec> = {};
  readonly initializers: Record<string, TensorSpec> = {};
  readonly feeds: Record<string, Tensor> = {};
  opset = 21;
  #names = 0;

  name(base: string): string {
    return `${base}_${this.#names++}`;
  }
  /** A value that comes at run time. */
  feed(tensor: Filled): string {
    const name = this.name('x');
    this.inputs[name] = { type: tensor.type, dims: tensor.dims };
    this.feeds[name] = tensorOf(tensor);
    return name;
  }
  constant(tensor: TensorSpec): string {
    const name = this.name('c');
    this.initializers[name] = tensor;
    return name;
  }
  node(op: string, inputs: string[], attributes?: Record<string, AttributeValue>, domain = '') {
    const output = this.name(op);
    this.nodes.push({ op, name: `n_${output}`, inputs, outputs: [output], attributes, domain });
    return output;
  }
  output(value: string, type: DataType, dims?: (number | string)[]): void {
    this.outputs[value] = { type, dims };
  }
  bytes(): Uint8Array {
    return onnxModel(this);
  }
}

export function tensorOf({ type, dims, data }: Filled): Tensor {
  const made = {
    float32: () => Float32Array.from(data),
    uint8: () => Uint8Array.from(data),
    int8: () => Int8Array.from(data),
    int32: () => Int32Array.from(data),
    int64: () => BigInt64Array.from(data.map(BigInt)),
    bool: () => Uint8Array.from(data),
  }[type as 'float32'];
  return { type, dims, data: made() } as Tensor;
}

export interface Outputs {
  ours: Record<string, Tensor>;
  theirs: Record<string, ort.Tensor>;
}

/** Runs the model in both; the session of ours may be looked at before it is freed. */
export async function runBoth(model: Uint8Array, feeds: Record<string, Tensor>): Promise<Outputs> {
  const session = await eightfold.createSession(model);
  const ours = await session.run(feeds);
  session.delete();
  const other = await ort.InferenceSession.create(model, {
    executionProviders: ['wasm'],
    logSeverityLevel: 3,
  });
  const inputs = Object.entries(feeds).map(([name, { type, data, dims }]) => [
    name,
    new ort.Tensor(type as 'float32', data as Float32Array, dims),
  ]);
  const theirs = (await other.run(Object.fromEntries(inputs))) as Record<string, ort.Tensor>;
  await other.release();
  return { ours, theirs };
}

/** What an output may be off: `steps` for integers, `relative` to the largest value and `absolute` for floats. */
export interface Tolerance {
  steps?: number;
  relative?: number;
  absolute?: number;
}

export function assertSame({ ours, theirs }: Outputs, tolerance: Tolerance = {}, what = ''): void {
  for (const [name, mine] of Object.entries(ours)) {
    const other = theirs[name]!;
    assert.equal(mine.type, other.type, `${what} type of ${name}`);
    assert.deepEqual([...mine.dims], [...other.dims], `${what} shape of ${name}`);
    const a = Array.from(mine.data as Float32Array, Number);
    const b = Array.from(other.data as Float32Array, Number);
    const isFloat = mine.type === 'float32';
    const largest = b.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const { relative = 0, absolute = 0, steps = 0 } = tolerance;
    const allowed = isFloat ? relative * largest + absolute : steps;
    const off = a.findIndex((value, i) => !(Math.abs(value - b[i]!) <= allowed));
    const bad = a.filter((value, i) => !(Math.abs(value - b[i]!) <= allowed)).length;
    assert.equal(
      off,
      -1,
      `${what} ${name}[${off}] of ${a.length} is ${a[off]}, not ${b[off]} (${bad} are off)`,
    );
  }
}
