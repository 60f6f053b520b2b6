// Multiply-accumulates: how many, and how many of them on integers.
//   Conv           elements(out) * elements(W) / M          (M output channels)
//   ConvTranspose  elements(in)  * elements(W) / C          (C input channels)
//   Gemm, MatMul   elements(out) * K
//   LSTM, GRU      steps * batch * (elements(W) + elements(R))
// Counted twice, from sources that know nothing of each other: Eightfold's own report, and the nodes
// onnxruntime-web executed.
import type { ExecutedNode } from './profile.ts';
import { elementCount } from './tensor.ts';

export interface LayerMacs {
  readonly node: string;
  readonly opType: string;
  readonly macs: number;
  readonly int8: boolean;
}

type Rule = (node: ExecutedNode) => number;

const weightAt =
  (index: number): Rule =>
  ({ inputs, outputs, name, opType }) => {
    const weight = inputs[index]?.dims;
    if (!weight) throw new Error(`${opType} ${name}: its weight is not in the profile`);
    return elementCount(outputs[0]!.dims) * elementCount(weight.slice(1));
  };

const transposedWeight: Rule = ({ inputs }) =>
  elementCount(inputs[0]!.dims) * elementCount(inputs[1]!.dims.slice(1));

/** X [steps, batch, inputs]; each step multiplies by both matrices. */
const recurrent: Rule = ({ inputs }) =>
  elementCount(inputs[0]!.dims.slice(0, 2)) *
  (elementCount(inputs[1]!.dims) + elementCount(inputs[2]!.dims));

const dot: Rule = ({ inputs, outputs }) => elementCount(outputs[0]!.dims) * inputs[0]!.dims.at(-1)!;

/** Every kernel of onnxruntime that multiplies and accumulates: on integers or not, and how often. */
const kKernels: Record<string, { readonly int8: boolean; readonly count: Rule }> = {
  Conv: { int8: false, count: weightAt(1) },
  FusedConv: { int8: false, count: weightAt(1) },
  ConvTranspose: { int8: false, count: transposedWeight },
  Gemm: { int8: false, count: dot },
  FusedGemm: { int8: false, count: dot },
  MatMul: { int8: false, count: dot },
  FusedMatMul: { int8: false, count: dot },
  LSTM: { int8: false, count: recurrent },
  GRU: { int8: false, count: recurrent },
  RNN: { int8: false, count: recurrent },
  QLinearConv: { int8: true, count: weightAt(3) },
  ConvInteger: { int8: true, count: weightAt(1) },
  QGemm: { int8: true, count: dot },
  QLinearMatMul: { int8: true, count: dot },
  MatMulInteger: { int8: true, count: dot },
  MatMulIntegerToFloat: { int8: true, count: dot },
  DynamicQuantizeMatMul: { int8: true, count: dot },
};

export function macsExecuted(nodes: readonly ExecutedNode[]): LayerMacs[] {
  return nodes.flatMap((node) => {
    const kernel = kKernels[node.opType];
    return kernel
      ? [{ node: node.name, opType: node.opType, macs: kernel.count(node), int8: kernel.int8 }]
      : [];
  });
}

/** The share of multiply-accumulates in int8, in percent. */
export function int8Share(layers: readonly LayerMacs[]): number {
  const sum = (kept: readonly LayerMacs[]) => kept.reduce((total, { macs }) => total + macs, 0);
  const all = sum(layers);
  if (!(all > 0)) throw new Error('a model without multiply-accumulates');
  return (100 * sum(layers.filter(({ int8 }) => int8))) / all;
}

/** DequantizeLinear nodes executed between the first and the last integer kernel. */
export function dequantizedBetween(nodes: readonly ExecutedNode[]): string[] {
  const integer = nodes.map(({ opType }) => kKernels[opType]?.int8 === true);
  const inner = nodes.slice(integer.indexOf(true), integer.lastIndexOf(true) + 1);
  return inner.filter(({ opType }) => opType === 'DequantizeLinear').map(({ name }) => name);
}

/** Layers of a report, in graph order, that leave int8 between its first and last integer kernel. */
export function floatBetween<Layer extends LayerMacs>(layers: readonly Layer[]): Layer[] {
  const integer = layers.map(({ int8, macs }) => int8 && macs > 0);
  const inner = layers.slice(integer.indexOf(true), integer.lastIndexOf(true) + 1);
  return inner.filter(({ int8 }) => !int8);
}

/** Integers in our Session alone: onnxruntime has no integer kernel for them. */
const kOursAlone = new Set(['ConvTranspose']);

/** Layers executed in float although the report does not say so; fusions extend a node's name. */
export function unnamedFloat(
  executed: readonly LayerMacs[],
  report: readonly LayerMacs[],
): LayerMacs[] {
  const named = report.filter(({ int8 }) => !int8).map(({ node }) => node);
  return executed.filter(
    ({ int8, node, opType }) =>
      !int8 && !kOursAlone.has(opType) && !named.some((name) => node.includes(name)),
  );
}
