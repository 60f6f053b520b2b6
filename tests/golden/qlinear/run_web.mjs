// Runs the models of a folder under onnxruntime-web: node run_web.mjs <folder>. Called by make_qlinear_goldens.py.
import fs from 'node:fs';
import path from 'node:path';
import ort from 'onnxruntime-web';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const ARRAYS = {
  float32: Float32Array, uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array,
  int32: Int32Array,
};

const folder = process.argv[2];
const cases = JSON.parse(fs.readFileSync(path.join(folder, 'cases.json'), 'utf8'));
const results = [];
for (const { model, feeds } of cases) {
  const session = await ort.InferenceSession.create(new Uint8Array(fs.readFileSync(path.join(folder, model))), {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'disabled',
  });
  const tensors = {};
  for (const { name, dtype, shape, data } of feeds) tensors[name] = new ort.Tensor(dtype, ARRAYS[dtype].from(data), shape);
  const outputs = await session.run(tensors);
  results.push(session.outputNames.map((name) => ({
    dtype: outputs[name].type,
    shape: [...outputs[name].dims],
    data: [...outputs[name].data],
  })));
  await session.release();
}
fs.writeFileSync(path.join(folder, 'results.json'), JSON.stringify(results));
