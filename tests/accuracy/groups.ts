// A QDQ file group by group: what lies between one QuantizeLinear and those before it runs alone, fed with
// the integers that our Session computed. So one step in one layer is one step, and not what a deep
// network makes of it.
import { type DataType, kDataTypes } from '../node/support/onnx_builder.ts';
import {
  partOfModel,
  readWireModel,
  type ValueSpec,
  type WireModel,
  type WireNode,
  withOutputs,
} from '../node/support/onnx_wire.ts';
import { eightfold } from './eightfold.ts';
import { type Engine, ortWebPlain } from './runners.ts';
import type { Feeds, Tensor } from './tensor.ts';

/** How far the integers of all groups of one kind are from onnxruntime's, which fuses nothing. */
export interface GroupDistance {
  elements: number;
  differing: number;
  /** Largest difference, in steps. */
  steps: number;
}

const kQuantize = 'QuantizeLinear';
interface Group {
  readonly nodes: readonly WireNode[];
  readonly inputs: readonly string[];
}

/** The nodes behind the last quantized values that `last` depends on, itself included. */
function groupOf(model: WireModel, makers: ReadonlyMap<string, WireNode>, last: WireNode): Group {
  const nodes = new Set<WireNode>();
  const inputs = new Set<string>();
  const walk = (value: string) => {
    if (!value || model.initializers.has(value)) return;
    const maker = makers.get(value);
    if (!maker || (maker !== last && maker.opType === kQuantize)) inputs.add(value);
    else if (!nodes.has(maker)) {
      nodes.add(maker);
      maker.inputs.forEach(walk);
    }
  };
  walk(last.outputs[0]!);
  return { nodes: model.nodes.filter((node) => nodes.has(node)), inputs: [...inputs] };
}

async function once(engine: Engine, model: Uint8Array, feeds: Feeds): Promise<Feeds> {
  const runner = await engine.open(model);
  try {
    return await runner.run(feeds);
  } finally {
    await runner.close();
  }
}

const specOf = (name: string, { type, dims }: Tensor): ValueSpec => ({
  name,
  elementType: kDataTypes[type as DataType],
  dims,
});

/** By the operators of the group, for example "Conv-Relu". */
export async function groupDistances(
  file: Uint8Array,
  feeds: Feeds,
): Promise<ReadonlyMap<string, GroupDistance>> {
  const model = readWireModel(file);
  const makers = new Map(model.nodes.flatMap((node) => node.outputs.map((v) => [v, node])));
  const lasts = model.nodes.filter(({ opType }) => opType === kQuantize);
  const tapped = lasts.map(({ outputs }) => outputs[0]!);
  const inner = tapped.filter((value) => !model.outputs.includes(value));
  const values: Feeds = {
    ...feeds,
    ...(await once(eightfold, withOutputs(file, inner), feeds)),
  };
  const found = new Map<string, GroupDistance>();
  for (const [i, last] of lasts.entries()) {
    const { nodes, inputs } = groupOf(model, makers, last);
    const given = Object.fromEntries(inputs.map((name) => [name, values[name]!]));
    const specs = inputs.map((name) => specOf(name, values[name]!));
    const part = partOfModel(model, nodes, specs, [tapped[i]!]);
    const theirs = (await once(ortWebPlain, part, given))[tapped[i]!]!.data as Int8Array;
    const ours = values[tapped[i]!]!.data as Int8Array;
    const kind = nodes.map(({ opType }) => opType).filter((op) => !/tizeLinear$/.test(op));
    const distance = found.get(kind.join('-')) ?? { elements: 0, differing: 0, steps: 0 };
    found.set(kind.join('-'), distance);
    distance.elements += ours.length;
    for (const [at, value] of ours.entries()) {
      const steps = Math.abs(value - theirs[at]!);
      distance.differing += steps > 0 ? 1 : 0;
      distance.steps = Math.max(distance.steps, steps);
    }
  }
  return found;
}
