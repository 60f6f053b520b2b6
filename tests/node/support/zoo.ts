// A model of nodes that stay float, each for a reason of its own: operators that few targets know, weights
// that are computed or may be replaced, interpolation, integers, a state. A convolution feeds them all.
import { type NodeSpec, onnxModel, type ValueSpec } from './onnx_builder.ts';

const kDims = [1, 4, 6, 6];
const wave = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) / 2);
const floats = (...dims: number[]) => ({ dims, data: wave(dims.reduce((a, b) => a * b, 1)) });
const scalar = (value: number) => ({ dims: [], data: [value] });
const longs = (...data: number[]) => ({ type: 'int64' as const, dims: [data.length], data });

type Row = [name: string, op: string, inputs: string[], attributes?: NodeSpec['attributes']];

const kRows: Row[] = [
  ['stem', 'Conv', ['x', 'stem_w']],
  // Operators that few targets know.
  ['softmax', 'Softmax', ['stem'], { axis: 1 }],
  ['hard_sigmoid', 'HardSigmoid', ['stem']],
  ['instance_norm', 'InstanceNormalization', ['stem', 'scale', 'bias']],
  ['prelu', 'PRelu', ['stem', 'slope']],
  ['from_constant', 'Sub', ['one', 'stem']],
  ['transposed', 'ConvTranspose', ['stem', 'stem_w']],
  ['mean', 'ReduceMean', ['stem'], { axes: [1] }],
  ['invented', 'Invented', ['stem']],
  // Gelu, as exporters spell it.
  ['gelu_div', 'Div', ['stem', 'root_two']],
  ['gelu_erf', 'Erf', ['gelu_div']],
  ['gelu_add', 'Add', ['gelu_erf', 'one']],
  ['gelu_mul', 'Mul', ['stem', 'gelu_add']],
  ['gelu', 'Mul', ['gelu_mul', 'half']],
  // Forms of operators that are known.
  ['bilinear', 'Resize', ['stem', '', 'scales'], { mode: 'linear' }],
  ['filled', 'Pad', ['stem', 'pads', 'fill']],
  ['pool', 'MaxPool', ['stem'], { kernel_shape: [2, 2] }],
  // Weights.
  ['kernel', 'Mul', ['k', 'half']],
  ['computed_weight', 'Conv', ['stem', 'kernel']],
  ['replaceable_weight', 'Conv', ['stem', 'replaceable']],
  ['broken_weight', 'Conv', ['stem', 'not_numbers']],
  // Shapes and indexes.
  ['shape', 'Shape', ['stem']],
  ['extent', 'Gather', ['shape', 'first']],
  ['extents', 'Concat', ['extent', 'rest'], { axis: 0 }],
  ['reshaped', 'Reshape', ['softmax', 'extents']],
  ['argmax', 'ArgMax', ['stem'], { axis: 1 }],
  ['indexes', 'Cast', ['argmax'], { to: 1 }],
  ['embedding', 'Gather', ['table', 'ids']],
  // A state.
  ['steps', 'Reshape', ['stem', 'step_dims']],
  ['lstm', 'LSTM', ['steps', 'lstm_w', 'lstm_r'], { hidden_size: 2 }],
];

const inputs: Record<string, ValueSpec> = {
  x: { dims: kDims },
  k: { dims: [4, 4, 1, 1] },
  fill: { dims: [] },
  ids: { type: 'int64', dims: ['N'] },
  replaceable: { dims: [4, 4, 1, 1] },
};

/** Every value that nothing reads is an output, and so are the indices of the pool. */
export function zooModel(): Uint8Array {
  const read = new Set(kRows.flatMap(([, , names]) => names));
  const ends = kRows.map(([name]) => name).filter((name) => !read.has(name));
  return onnxModel({
    nodes: kRows.map(([name, op, names, attributes]) => ({
      op,
      name,
      inputs: names,
      outputs: name === 'pool' ? ['pool', 'pool_indices'] : [name],
      ...(name === 'invented' && { domain: 'org.example' }),
      ...(attributes && { attributes }),
    })),
    inputs,
    outputs: {
      ...Object.fromEntries(ends.map((name) => [name, { dims: [] as string[] }])),
      pool_indices: { type: 'int64', dims: [] },
    },
    initializers: {
      stem_w: floats(4, 4, 1, 1),
      replaceable: floats(4, 4, 1, 1),
      not_numbers: { dims: [4, 4, 1, 1], data: wave(16).fill(Number.NaN, 3, 4) },
      scale: floats(4),
      bias: floats(4),
      slope: floats(4, 1, 1),
      table: floats(5, 3),
      one: scalar(1),
      half: scalar(0.5),
      root_two: scalar(Math.SQRT2),
      scales: { dims: [4], data: [1, 1, 2, 2] },
      pads: longs(0, 0, 1, 1, 0, 0, 1, 1),
      first: longs(0),
      rest: longs(4, 36),
      step_dims: longs(6, 1, 24),
      lstm_w: floats(1, 8, 24),
      lstm_r: floats(1, 8, 2),
    },
  });
}
