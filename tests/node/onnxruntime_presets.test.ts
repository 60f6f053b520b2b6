// ONNX Runtime as the independent truth of the presets: it takes the files of all of them, and what
// the preset `onnxruntime` quantizes and rewrites it runs on integers.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { sqnr } from './support/digits.ts';
import { eightfold, type Feeds } from './support/eightfold.ts';
import { onnxModel } from './support/onnx_builder.ts';
import { readWireModel } from './support/onnx_wire.ts';

const kInput = [1, 4, 8, 8];
const wave = (count: number, scale: number) =>
  Array.from({ length: count }, (_, i) => Math.fround(scale * ((((i * 7) % 11) - 5) / 5)));

/** One of each rewrite between layers: HardSwish, Sub of a constant, ReduceMean over the image. */
function model(): Uint8Array {
  const same = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  return onnxModel({
    opset: 17,
    inputs: { x: { dims: kInput } },
    outputs: { y: { dims: [1, 4] } },
    nodes: [
      { op: 'Conv', inputs: ['x', 'w1'], outputs: ['a'], attributes: same },
      { op: 'HardSwish', inputs: ['a'], outputs: ['b'] },
      { op: 'Conv', inputs: ['b', 'w2'], outputs: ['c'], attributes: same },
      { op: 'Sub', inputs: ['c', 'shift'], outputs: ['d'] },
      { op: 'Relu', inputs: ['d'], outputs: ['e'] },
      {
        op: 'ReduceMean',
        inputs: ['e'],
        outputs: ['f'],
        attributes: { axes: [2, 3], keepdims: 0 },
      },
      { op: 'Gemm', inputs: ['f', 'w3'], outputs: ['y'] },
    ],
    initializers: {
      w1: { dims: [4, 4, 3, 3], data: wave(144, 0.5) },
      w2: { dims: [4, 4, 3, 3], data: wave(144, 0.3) },
      w3: { dims: [4, 4], data: wave(16, 1) },
      shift: { dims: [1], data: [0.25] },
    },
  });
}

const samples: Feeds[] = [1, 2].map((scale) => ({
  x: { type: 'float32', data: Float32Array.from(wave(256, scale)), dims: kInput },
}));

async function qdqFile(backend: string): Promise<Uint8Array> {
  const fused = await eightfold.fuse(await eightfold.loadModel(model()), { backend });
  const prepared = await eightfold.prepare(fused, { backend });
  await eightfold.calibrate(prepared, samples);
  return eightfold.toOnnx(await eightfold.convert(prepared), { format: 'qdq' });
}

test('what the preset onnxruntime quantizes runs on integers there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'eightfold-'));
  try {
    const optimizedModelFilePath = join(folder, 'optimized.onnx');
    const session = await ort.InferenceSession.create(await qdqFile('onnxruntime'), {
      graphOptimizationLevel: 'all',
      optimizedModelFilePath,
      logSeverityLevel: 3,
    });
    await session.release();
    const optimized = readWireModel(new Uint8Array(readFileSync(optimizedModelFilePath)));
    const moving = ['Transpose', 'Flatten'];
    const ops = optimized.nodes.map((node) => node.opType).filter((op) => !moving.includes(op));
    assert.deepEqual(ops, [
      'QuantizeLinear',
      'QLinearConv',
      'QLinearAdd',
      'QLinearMul',
      'QLinearMul',
      'QLinearConv',
      'QLinearGlobalAveragePool',
      'QGemm',
      'DequantizeLinear',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const name of await eightfold.backendNames()) {
  test(`${name}: onnxruntime takes the file and gives the same`, async () => {
    const file = await qdqFile(name);
    const theirs = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
    using ours = await eightfold.createSession(file);
    for (const feeds of samples) {
      const x = new ort.Tensor('float32', feeds.x!.data as Float32Array, kInput);
      const expected = (await theirs.run({ x })).y!.data as Float32Array;
      const actual = (await ours.run(feeds)).y!.data as Float32Array;
      const db = sqnr(expected, actual);
      assert.ok(db >= 35, `${db.toFixed(1)} dB`);
    }
    await theirs.release();
  });
}
