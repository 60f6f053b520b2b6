// Small random graphs of float operators: opsets 11 to 21, ranks 1 to 5, every value bounded so that rounding stays
// rounding. What the operators are is in float_ops.ts.
import { Dice, type Dims, type Filled, Writer } from './both_runtimes.ts';
import { kFloatOps, kScalarOps } from './float_ops.ts';
import type { AttributeValue } from './onnx_builder.ts';

export interface FloatValue {
  name: string;
  dims: Dims;
}

export const sizeOf = (dims: Dims): number => dims.reduce((a, b) => a * b, 1);
const kMostElements = 3000;
const kMostRank = 5;

export class FloatGraph {
  readonly writer = new Writer();
  readonly dice: Dice;
  readonly ops: string[] = [];
  readonly values: FloatValue[] = [];

  constructor(seed: number) {
    this.dice = new Dice(seed);
    this.writer.opset = this.dice.between(11, 21);
  }

  get opset(): number {
    return this.writer.opset;
  }

  floats(dims: Dims, low = -1, high = 1): string {
    return this.writer.constant(this.dice.floats(low, high, ...dims));
  }
  ints(data: number[], dims: Dims = [data.length]): string {
    return this.writer.constant({ type: 'int64', dims, data });
  }
  constant(tensor: Filled): string {
    return this.writer.constant(tensor);
  }

  /** One output; more with `outputs`. */
  op(
    op: string,
    inputs: string[],
    dims: Dims,
    attributes: Record<string, AttributeValue> = {},
  ): FloatValue {
    this.ops.push(op);
    return { name: this.writer.node(op, inputs, attributes), dims };
  }
  many(op: string, inputs: string[], dims: Dims[], attributes: Record<string, AttributeValue>) {
    const first = this.op(op, inputs, dims[0]!, attributes);
    const { outputs } = this.writer.nodes.at(-1)!;
    for (let i = 1; i < dims.length; ++i) outputs.push(this.writer.name(op));
    return outputs.map((name, i) => (i === 0 ? first : { name, dims: dims[i]! }));
  }

  axis(rank: number): { axis: number; written: number } {
    const axis = this.dice.of(rank);
    return { axis, written: this.dice.of(2) ? axis : axis - rank };
  }

  input(): FloatValue {
    const rank = this.dice.pick([1, 2, 3, 3, 4, 4, 4, 5]);
    const dims = Array.from({ length: rank }, () => this.dice.between(1, rank > 3 ? 5 : 7));
    const value = { name: this.writer.feed(this.dice.floats(-2, 2, ...dims)), dims };
    this.values.push(value);
    return value;
  }

  /** Adds what one row of the table makes of the newest value or an older one. */
  grow(): void {
    const x = this.dice.of(3) ? this.values.at(-1)! : this.dice.pick(this.values);
    for (;;) {
      const before = this.writer.nodes.length;
      const made = this.dice.pick(x.dims.length ? kFloatOps : kScalarOps)(this, x);
      if (made === undefined) continue;
      const values = Array.isArray(made) ? made : [made];
      if (values.every(({ dims }) => sizeOf(dims) <= kMostElements && dims.length <= kMostRank)) {
        this.values.push(...values);
        return;
      }
      this.writer.nodes.length = before;
      this.ops.length = Math.min(this.ops.length, before);
    }
  }

  /** What no node reads is an output. */
  finish(): void {
    const read = new Set(this.writer.nodes.flatMap(({ inputs }) => inputs));
    const made = this.writer.nodes.flatMap(({ outputs }) => outputs);
    for (const value of made) if (!read.has(value)) this.writer.output(value, 'float32');
  }
}

export function randomFloatGraph(seed: number): FloatGraph {
  const graph = new FloatGraph(seed);
  for (let inputs = graph.dice.between(1, 2); inputs > 0; --inputs) graph.input();
  const nodes = graph.dice.between(3, 12);
  while (graph.writer.nodes.length < nodes) graph.grow();
  graph.finish();
  return graph;
}
