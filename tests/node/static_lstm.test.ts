// A statically quantized LSTM in files: onnxruntime-web runs its float LSTM between pairs, our Session
// the integer cell that the file's metadata describe; both stay near the float model. A dynamic one is
// the same bits in both.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { eightfold, type QuantizeOptions, type Tensor } from './support/eightfold.ts';
import { onnxModel, type TensorSpec } from './support/onnx_builder.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const kSteps = 24;
const kInput = 12;
const kHidden = 16;

function numbers(seed: number, count: number, low: number, high: number): number[] {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + ((high - low) * (state >>> 8)) / 2 ** 24;
  });
}

function model(direction: 'forward' | 'bidirectional'): Uint8Array {
  const d = direction === 'bidirectional' ? 2 : 1;
  const weight = (seed: number, dims: number[]): TensorSpec => ({
    dims,
    data: numbers(
      seed,
      dims.reduce((a, b) => a * b, 1),
      -0.6,
      0.6,
    ),
  });
  return onnxModel({
    nodes: [
      {
        op: 'LSTM',
        inputs: ['x', 'w', 'r', 'b'],
        outputs: ['y', 'yh', 'yc'],
        attributes: { hidden_size: kHidden, direction },
      },
      { op: 'Transpose', inputs: ['y'], outputs: ['t'], attributes: { perm: [0, 2, 1, 3] } },
      { op: 'Reshape', inputs: ['t', 'rows'], outputs: ['flat'] },
      { op: 'Gemm', inputs: ['flat', 'fc'], outputs: ['z'], attributes: { transB: 1 } },
    ],
    inputs: { x: { dims: [kSteps, 1, kInput] } },
    outputs: {
      z: { dims: [kSteps, 5] },
      yh: { dims: [d, 1, kHidden] },
      yc: { dims: [d, 1, kHidden] },
    },
    initializers: {
      w: weight(1, [d, 4 * kHidden, kInput]),
      r: weight(2, [d, 4 * kHidden, kHidden]),
      b: weight(3, [d, 8 * kHidden]),
      fc: weight(4, [5, d * kHidden]),
      rows: { type: 'int64', dims: [2], data: [kSteps, d * kHidden] },
    },
  });
}

const sample = (seed: number) =>
  ({
    type: 'float32',
    data: Float32Array.from(numbers(seed, kSteps * kInput, -2, 2)),
    dims: [kSteps, 1, kInput],
  }) as const;

async function here(bytes: Uint8Array): Promise<Record<string, Tensor>> {
  const session = await eightfold.createSession(bytes);
  const outputs = await session.run({ x: sample(9) });
  session.delete();
  return outputs;
}

async function there(bytes: Uint8Array): Promise<Record<string, ort.Tensor>> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const { type, data, dims } = sample(9);
  const outputs = await session.run({ x: new ort.Tensor(type, data, dims) });
  await session.release();
  return outputs as Record<string, ort.Tensor>;
}

function decibels(got: { data: unknown }, want: { data: unknown }): number {
  const [a, b] = [got.data as Float32Array, want.data as Float32Array];
  let [signal, noise] = [0, 0];
  b.forEach((value, i) => {
    signal += value * value;
    noise += (a[i]! - value) ** 2;
  });
  return 10 * Math.log10(signal / noise);
}

async function quantized(bytes: Uint8Array, options: Omit<QuantizeOptions, 'calibration'>) {
  const calibration = [10, 11, 12].map((seed) => ({ x: sample(seed) }));
  return eightfold.quantize(bytes, { calibration, ...options });
}

for (const direction of ['forward', 'bidirectional'] as const) {
  for (const format of ['qdq', 'qoperator'] as const) {
    test(`a static LSTM, ${direction}, in ${format} files`, async () => {
      const float = model(direction);
      const { model: file, report } = await quantized(float, { format });
      assert.equal(report.int8MacShare, 1);
      const [want, ours, theirs] = [await there(float), await here(file), await there(file)];
      for (const name of ['z', 'yh', 'yc']) {
        assert.ok(decibels(ours[name]!, want[name]!) > 28, `${name}: ours against float`);
        assert.ok(decibels(theirs[name]!, want[name]!) > 28, `${name}: theirs against float`);
      }
    });
  }

  test(`a dynamic LSTM, ${direction}, has the bits of onnxruntime-web`, async () => {
    const { model: file } = await quantized(model(direction), { mode: 'dynamic' });
    const [ours, theirs] = [await here(file), await there(file)];
    for (const name of ['yh', 'yc']) assert.deepEqual(ours[name]!.data, theirs[name]!.data, name);
  });
}
