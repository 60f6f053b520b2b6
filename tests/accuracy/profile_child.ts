// The child process of profile.ts. onnxruntime-web prints its profile to the process's stdout and
// gives it to nobody, so one process is spent per profile. Standard input: a serialized
// {model, feeds}; standard output: the profile's JSON.
import { deserialize } from 'node:v8';
import * as ort from 'onnxruntime-web';
import type { Feeds } from './tensor.ts';

const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
const { model, feeds } = deserialize(Buffer.concat(chunks)) as { model: Uint8Array; feeds: Feeds };

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';
const session = await ort.InferenceSession.create(model, {
  executionProviders: ['wasm'],
  enableProfiling: true,
  logSeverityLevel: 3,
  // Prepacked weights drop out of the profile's input shapes, and with them the count of MACs.
  extra: { session: { disable_prepacking: '1' } },
});
const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [
  name,
  new ort.Tensor(type as 'float32', data as Float32Array, dims),
]);
await session.run(Object.fromEntries(tensors));
session.endProfiling();
