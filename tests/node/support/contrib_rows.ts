// One node of onnxruntime's own domain per row, with its inputs: what its optimizer and exporters emit.
import {
  type AttributeValue,
  message,
  onnxModel,
  type TensorSpec,
  type ValueSpec,
} from './onnx_builder.ts';

export interface ContribRow {
  name: string;
  bytes: Uint8Array;
  feeds: Record<string, Required<Pick<TensorSpec, 'type' | 'dims' | 'data'>>>;
  outputs: string[];
}

let state = 1;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
}

type Input = TensorSpec | null;
const floats = (...dims: number[]): Input => ({
  dims,
  data: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, random),
});
const integers = (dims: number[], data: number[], type: 'int32' | 'int64' = 'int32'): Input => ({
  type,
  dims,
  data,
});

// Dims of any size; a present has four of them.
function outputSpec(op: string, first: TensorSpec, i: number): ValueSpec {
  if (op === 'EmbedLayerNormalization') {
    return i === 0 ? { dims: ['a', 'b', 'c'] } : { type: 'int32', dims: ['a'] };
  }
  const rank = i === 0 ? first.dims.length : 4;
  return { dims: Array.from({ length: rank }, (_, axis) => `y${i}_${axis}`) };
}

function row(
  op: string,
  inputs: Input[],
  attributes: Record<string, AttributeValue> = {},
  outputs = 1,
  note = '',
  compared = outputs,
): ContribRow {
  const names = inputs.map((input, i) => (input ? `x${i}` : ''));
  const feeds: ContribRow['feeds'] = {};
  inputs.forEach((input, i) => {
    if (input) feeds[`x${i}`] = { type: 'float32', ...input };
  });
  const made = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const model = onnxModel({
    nodes: [{ op, inputs: names, outputs: made, domain: 'com.microsoft', attributes }],
    inputs: Object.fromEntries(
      Object.entries(feeds).map(([name, { type, dims }]) => [name, { type, dims }]),
    ),
    outputs: Object.fromEntries(
      made.slice(0, compared).map((name, i) => [name, outputSpec(op, inputs[0]!, i)]),
    ),
    opset: 17,
  });
  // Messages of protobuf join by concatenation: another opset import.
  const domain = message([
    [
      8,
      message([
        [1, 'com.microsoft'],
        [2, 1],
      ]),
    ],
  ]);
  return {
    name: `${op}${note}`,
    bytes: Uint8Array.of(...model, ...domain),
    feeds,
    outputs: made.slice(0, compared),
  };
}

/** The queries of a decoder that continues a cache of 4 tokens with `fresh` new ones. */
function grouped(attributes: Record<string, AttributeValue>, fresh: number, note: string) {
  const total = 4 + fresh;
  return row(
    'GroupQueryAttention',
    [
      floats(1, fresh, 64),
      floats(1, fresh, 32),
      floats(1, fresh, 32),
      floats(1, 2, 4, 16),
      floats(1, 2, 4, 16),
      integers([1], [total - 1]),
      integers([1], [total]),
      floats(16, 8),
      floats(16, 8),
    ],
    { num_heads: 4, kv_num_heads: 2, ...attributes },
    3,
    note,
  );
}

export function contribRows(): ContribRow[] {
  const x = () => floats(2, 3, 8);
  return [
    row('Gelu', [x()]),
    row('FastGelu', [x()]),
    row('FastGelu', [x(), floats(8)], {}, 1, ' with a bias'),
    row('BiasGelu', [x(), floats(8)]),
    row('QuickGelu', [x()], { alpha: { float: 1.7 } }),
    row('SkipLayerNormalization', [x(), x(), floats(8), floats(8), floats(8)], {
      epsilon: { float: 1e-5 },
    }),
    row('SkipSimplifiedLayerNormalization', [x(), x(), floats(8)], { epsilon: { float: 1e-6 } }),
    row(
      'EmbedLayerNormalization',
      [
        integers([2, 3], [8, 0, 3, 2, 2, 7]),
        integers([2, 3], [0, 1, 1, 0, 0, 1]),
        floats(9, 8),
        floats(4, 8),
        floats(2, 8),
        floats(8),
        floats(8),
        integers([2, 3], [1, 1, 0, 1, 1, 1]),
      ],
      { epsilon: { float: 1e-6 } },
      2,
    ),
    row('RotaryEmbedding', [
      x(),
      integers([2, 3], [5, 1, 2, 0, 3, 4], 'int64'),
      floats(6, 2),
      floats(6, 2),
    ]),
    row(
      'RotaryEmbedding',
      [x(), integers([1], [2], 'int64'), floats(6, 2), floats(6, 2)],
      { interleaved: 1 },
      1,
      ' interleaved, from a first position',
    ),
    row('FusedMatMul', [floats(2, 4, 3), floats(5, 4)], {
      transA: 1,
      transB: 1,
      alpha: { float: 0.5 },
    }),
    row('FusedConv', [floats(1, 3, 6, 6), floats(4, 3, 3, 3), floats(4)], { activation: 'Relu' }),
    row('MultiHeadAttention', [x(), floats(2, 5, 8), floats(2, 5, 8)], { num_heads: 2 }),
    row(
      'MultiHeadAttention',
      [x(), x(), x(), floats(24), integers([2, 3], [1, 1, 0, 1, 0, 0]), floats(2, 2, 3, 3)],
      { num_heads: 2 },
      1,
      ' with bias, padding and addend',
    ),
    row(
      'MultiHeadAttention',
      [x(), x(), x(), null, null, null, floats(2, 2, 4, 4), floats(2, 2, 4, 4)],
      { num_heads: 2, unidirectional: 1 },
      3,
      ' with a past',
    ),
    grouped({}, 1, ''),
    grouped({ do_rotary: 1, scale: { float: 0.4 } }, 1, ' with rotary'),
    grouped({ local_window_size: 2, softcap: { float: 5 } }, 1, ' in a window, capped'),
    row(
      'GroupQueryAttention',
      [
        floats(2, 5, 128),
        null,
        null,
        null,
        null,
        integers([2], [4, 4]),
        integers([1], [5]),
        floats(16, 8),
        floats(16, 8),
      ],
      { num_heads: 4, kv_num_heads: 2, do_rotary: 1, rotary_interleaved: 1 },
      3,
      ' packed, two prompts',
    ),
    // What the shorter present holds behind its end is left open: not compared.
    row(
      'GroupQueryAttention',
      [
        floats(2, 1, 64),
        floats(2, 1, 32),
        floats(2, 1, 32),
        floats(2, 2, 6, 16),
        floats(2, 2, 6, 16),
        integers([2], [6, 3]),
        integers([1], [7]),
      ],
      { num_heads: 4, kv_num_heads: 2 },
      3,
      ' of two lengths',
      1,
    ),
    row(
      'GroupQueryAttention',
      [
        floats(1, 7, 64),
        floats(1, 7, 32),
        floats(1, 7, 32),
        null,
        null,
        integers([1], [6]),
        integers([1], [7]),
      ],
      { num_heads: 4, kv_num_heads: 2, local_window_size: 3 },
      3,
      ' a prompt in a window',
    ),
  ];
}
