// com.microsoft DynamicQuantizeLSTM in both runtimes: the same bits, on one thread.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { eightfold, type Tensor } from './support/eightfold.ts';
import { onnxModel, type TensorSpec } from './support/onnx_builder.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const count = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** Numbers in [low, high) from a seed. */
function numbers(seed: number, dims: number[], low: number, high: number): number[] {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Array.from({ length: count(dims) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + ((high - low) * (state >>> 8)) / 2 ** 24;
  });
}

interface Case {
  steps: number;
  batch: number;
  input: number;
  hidden: number;
  direction: 'forward' | 'reverse' | 'bidirectional';
  perChannel: boolean;
  weights: 'int8' | 'uint8';
  peepholes: boolean;
}

function model(one: Case) {
  const { steps, batch, input, hidden, direction, perChannel, weights } = one;
  const d = direction === 'bidirectional' ? 2 : 1;
  const gates = 4 * hidden;
  const float = (seed: number, dims: number[], low = -1, high = 1): TensorSpec => ({
    dims,
    data: numbers(seed, dims, low, high),
  });
  const bytes = (seed: number, dims: number[]): TensorSpec => ({
    type: weights,
    dims,
    data: numbers(seed, dims, 0, 256).map((x) => Math.floor(x) - (weights === 'int8' ? 128 : 0)),
  });
  const parameters = perChannel ? [d, gates] : [d];
  const zero: TensorSpec = {
    type: weights,
    dims: parameters,
    data: Array(count(parameters)).fill(weights === 'int8' ? 0 : 131),
  };
  const initializers: Record<string, TensorSpec> = {
    w: bytes(1, [d, input, gates]),
    r: bytes(2, [d, hidden, gates]),
    b: float(3, [d, 2 * gates]),
    h: float(4, [d, batch, hidden]),
    c: float(5, [d, batch, hidden]),
    ...(one.peepholes ? { p: float(6, [d, 3 * hidden]) } : {}),
    ws: float(7, parameters, 0.002, 0.01),
    wz: zero,
    rs: float(8, parameters, 0.002, 0.01),
    rz: zero,
  };
  const x = { dims: [steps, batch, input] };
  return onnxModel({
    nodes: [
      {
        op: 'DynamicQuantizeLSTM',
        domain: 'com.microsoft',
        inputs: [
          'x',
          'w',
          'r',
          'b',
          '',
          'h',
          'c',
          one.peepholes ? 'p' : '',
          'ws',
          'wz',
          'rs',
          'rz',
        ],
        outputs: ['y', 'yh', 'yc'],
        attributes: { hidden_size: hidden, direction },
      },
    ],
    inputs: { x },
    outputs: {
      y: { dims: [steps, d, batch, hidden] },
      yh: { dims: [d, batch, hidden] },
      yc: { dims: [d, batch, hidden] },
    },
    initializers,
  });
}

const kCases: Case[] = [];
for (const direction of ['forward', 'reverse', 'bidirectional'] as const) {
  for (const [steps, batch, input, hidden] of [
    [1, 1, 3, 4],
    [17, 1, 13, 20],
    [6, 3, 8, 11],
    [40, 1, 64, 64],
  ] as const) {
    for (const bits of [0, 1, 2, 3, 4]) {
      kCases.push({
        ...{ steps, batch, input, hidden, direction },
        perChannel: (bits & 1) !== 0,
        weights: bits & 2 ? 'uint8' : 'int8',
        peepholes: (bits & 4) !== 0,
      });
    }
  }
}

test('DynamicQuantizeLSTM gives the bits of onnxruntime-web', async () => {
  for (const one of kCases) {
    const bytes = model(one);
    const x = {
      type: 'float32',
      data: Float32Array.from(numbers(9, [one.steps, one.batch, one.input], -2, 3)),
      dims: [one.steps, one.batch, one.input],
    } as const;
    const ours = await eightfold.createSession(bytes);
    const theirs = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
    const a: Record<string, Tensor> = await ours.run({ x });
    const b = await theirs.run({ x: new ort.Tensor(x.type, x.data, x.dims) });
    for (const name of ['y', 'yh', 'yc']) {
      assert.deepEqual(a[name]!.data, b[name]!.data, `${name} of ${JSON.stringify(one)}`);
    }
    ours.delete();
    await theirs.release();
  }
});
