// The section of LSTMs and GRUs: float, dynamic and static, each against onnxruntime-web; and what a call costs.
import type { Feeds } from '../accuracy/tensor.ts';
import { eightfold, type Feeds as PublicFeeds } from '../node/support/eightfold.ts';
import { onnxModel } from '../node/support/onnx_builder.ts';
import { openOurs, openTheirs } from './engines.ts';
import { attempt, milliseconds, ratio, type Section, timed } from './section.ts';

interface Shape {
  name: string;
  op?: 'GRU';
  steps: number;
  input: number;
  hidden: number;
}

const kShapes: readonly Shape[] = [
  { name: '32 steps, 128 -> 128', steps: 32, input: 128, hidden: 128 },
  { name: '1 step, 128 -> 128 (silero)', steps: 1, input: 128, hidden: 128 },
  { name: '28 steps, 28 -> 20 (mnist)', steps: 28, input: 28, hidden: 20 },
  { name: 'GRU, 32 steps, 128 -> 128', op: 'GRU', steps: 32, input: 128, hidden: 128 },
  { name: '1 step, 4 -> 4 (the call alone)', steps: 1, input: 4, hidden: 4 },
];

/** A pattern of -1..1 without repetition that matters. */
const waves = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233));

function recurrentModel({ op, steps, input, hidden }: Shape): Uint8Array {
  const gates = (op ? 3 : 4) * hidden;
  const scale = 1 / Math.sqrt(hidden);
  const weight = (dims: number[], seed: number) => {
    const data = waves(
      dims.reduce((a, b) => a * b, 1),
      seed,
    );
    return { dims, data: data.map((w) => w * scale) };
  };
  return onnxModel({
    nodes: [
      {
        op: op ?? 'LSTM',
        name: 'layer',
        inputs: ['x', 'w', 'r', 'b'],
        outputs: ['y'],
        attributes: { hidden_size: hidden },
      },
    ],
    initializers: {
      w: weight([1, gates, input], 1),
      r: weight([1, gates, hidden], 2),
      b: weight([1, 2 * gates], 3),
    },
    inputs: { x: { dims: [steps, 1, input] } },
    outputs: { y: { dims: [steps, 1, 1, hidden] } },
  });
}

export const recurrent: Section = {
  key: 'recurrent',
  title: 'Recurrent layers',
  note: `One run of an LSTM, or a GRU, batch 1: float, dynamic (DynamicQuantizeLSTM) and static (the integer cell); static against
onnxruntime-web's float LSTM and its DynamicQuantizeLSTM. The smallest is what a call costs, stream or not: its
sums take less than a microsecond.`,
  columns: [
    'float',
    'dynamic',
    'static',
    'onnxruntime-web float',
    'its dynamic',
    'float of float',
    'static of float',
    'static of dynamic',
  ],
  judged: 6,
  what: 'layer',
  names: kShapes.map(({ name }) => name),
  async row(name, rounds) {
    const shape = kShapes.find((each) => each.name === name)!;
    const model = recurrentModel(shape);
    const dims = [shape.steps, 1, shape.input];
    const data = Float32Array.from(waves(shape.steps * shape.input, 4));
    const feeds: Feeds = { x: { type: 'float32', dims, data } };
    const calibration = [feeds as PublicFeeds];
    // There is no dynamic GRU.
    const none = 'stays float';
    const dynamic = shape.op
      ? undefined
      : (await eightfold.quantize(model, { calibration, mode: 'dynamic' })).model;
    const integer = (await eightfold.quantize(model, { calibration })).model;
    const [float, measured, fixed, theirFloat, theirDynamic] = await timed(
      [
        await openOurs(model, feeds),
        dynamic ? await openOurs(dynamic, feeds) : none,
        await openOurs(integer, feeds),
        await attempt(() => openTheirs(model, feeds)),
        dynamic ? await attempt(() => openTheirs(dynamic, feeds)) : none,
      ],
      rounds,
    );
    return [
      milliseconds(float),
      milliseconds(measured),
      milliseconds(fixed),
      milliseconds(theirFloat),
      milliseconds(theirDynamic),
      ratio(theirFloat, float),
      ratio(theirFloat, fixed),
      ratio(theirDynamic, fixed),
    ];
  },
};
