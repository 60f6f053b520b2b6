// Node by node against onnxruntime-web: every node of our QOperator files is run alone there, fed with the
// values that our Session computed. Integer nodes agree bit for bit, averages within one quantization
// step, float nodes to a relative 1e-4, a recurrent layer whose integer cell we restore and onnxruntime does not know
// to 3 % of the largest value.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { eightfold, type Tensor } from './support/eightfold.ts';
import { exampleModels, kSkipReason } from './support/models.ts';
import { type DataType, kDataTypes } from './support/onnx_builder.ts';
import { readWireModel, singleNodeModel, type WireNode, withOutputs } from './support/onnx_wire.ts';

ort.env.wasm.numThreads = 1;

// Where onnxruntime's own definition rounds differently between its builds.
const kWithinOneStep = new Set([
  'QLinearAveragePool',
  'QLinearGlobalAveragePool',
  'QLinearSoftmax',
]);

// Float in the file, between pairs; integers in our Session, whose products read h of 8 bits: how far that may
// take one element of a sequence from the float cell.
const kRestored = new Set(['LSTM', 'GRU', 'RNN']);
const kRestoredDistance = 0.03;

// Their bodies read values that no node alone has.
const kHasBodies = new Set(['If', 'Loop', 'Scan']);

type Values = Record<string, Tensor>;

/** Largest difference, absolute for integers and relative to the largest value for floats. */
function distance(ours: Tensor, theirs: ort.Tensor): number {
  assert.deepEqual([...ours.dims], [...theirs.dims]);
  const a = ours.data as Float32Array;
  const b = theirs.data as Float32Array;
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < a.length; ++i) {
    worst = Math.max(worst, Math.abs(Number(a[i]) - Number(b[i])));
    scale = Math.max(scale, Math.abs(Number(b[i])));
  }
  return ours.type === 'float32' ? worst / (scale || 1) : worst;
}

function tolerance(node: WireNode, output: Tensor): number {
  if (kRestored.has(node.opType)) return kRestoredDistance;
  if (output.type === 'float32') return node.opType === 'DequantizeLinear' ? 0 : 1e-4;
  return kWithinOneStep.has(node.opType) ? 1 : 0;
}

async function runAlone(
  bytes: Uint8Array,
  feeds: Values,
): Promise<ort.InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(bytes);
  const inputs = Object.entries(feeds).map(([name, { type, data, dims }]) => [
    name,
    new ort.Tensor(type as 'float32', data as Float32Array, dims),
  ]);
  const outputs = await session.run(Object.fromEntries(inputs));
  await session.release();
  return outputs;
}

for (const { name, load } of exampleModels()) {
  test(`${name}: each node equals onnxruntime-web`, async (context) => {
    const model = await load();
    if (!model) return context.skip(kSkipReason);
    const { model: file } = await eightfold.quantize(model.bytes, {
      calibration: model.calibration,
      format: 'qoperator',
      samples: 128,
      compareSamples: 0,
    });
    const wire = readWireModel(file);
    const inner = wire.nodes
      .flatMap((node) => node.outputs)
      .filter((value) => value && !wire.outputs.includes(value));
    const session = await eightfold.createSession(withOutputs(file, inner));
    const values: Values = { ...model.sample, ...(await session.run(model.sample)) };
    session.delete();

    const worst = new Map<string, number>();
    for (const node of wire.nodes) {
      if (kHasBodies.has(node.opType)) continue;
      const names = [...new Set(node.inputs)].filter(
        (input) => input && !wire.initializers.has(input),
      );
      const feeds = Object.fromEntries(names.map((input) => [input, values[input]]));
      const specs = names.map((input) => ({
        name: input,
        elementType: kDataTypes[values[input].type as DataType],
        dims: values[input].dims,
      }));
      const theirs = await runAlone(singleNodeModel(wire, node, specs), feeds);
      for (const output of node.outputs.filter(Boolean)) {
        const off = distance(values[output], theirs[output] as ort.Tensor);
        worst.set(node.opType, Math.max(worst.get(node.opType) ?? 0, off));
        assert.ok(
          off <= tolerance(node, values[output]),
          `${node.opType} '${node.name}' output '${output}' is off by ${off}`,
        );
      }
    }
    context.diagnostic([...worst].map(([op, off]) => `${op} ${off}`).join(', '));
  });
}
