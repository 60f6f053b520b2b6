// The operators of onnxruntime's own domain against onnxruntime-web, one node at a time, to a relative 1e-3
// (1e-5 of the largest value for those near zero).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { type ContribRow, contribRows } from './support/contrib_rows.ts';
import { eightfold, type Tensor } from './support/eightfold.ts';

ort.env.wasm.numThreads = 1;

function typed(type: string, data: readonly number[]) {
  if (type === 'int64') return BigInt64Array.from(data, BigInt);
  return type === 'int32' ? Int32Array.from(data) : Float32Array.from(data);
}

async function theirs({ bytes, feeds }: ContribRow) {
  const session = await ort.InferenceSession.create(bytes);
  const inputs = Object.entries(feeds).map(([name, { type, dims, data }]) => [
    name,
    new ort.Tensor(type as 'float32', typed(type, data) as Float32Array, dims),
  ]);
  const outputs = await session.run(Object.fromEntries(inputs));
  await session.release();
  return outputs;
}

async function ours({ bytes, feeds }: ContribRow): Promise<Record<string, Tensor>> {
  using session = await eightfold.createSession(bytes);
  const inputs = Object.entries(feeds).map(([name, { type, dims, data }]) => [
    name,
    { type, dims, data: typed(type, data) },
  ]);
  return await session.run(Object.fromEntries(inputs));
}

for (const row of contribRows()) {
  test(`${row.name} equals onnxruntime-web`, async () => {
    const [got, want] = [await ours(row), await theirs(row)];
    for (const name of row.outputs) {
      assert.deepEqual([...got[name]!.dims], [...want[name]!.dims]);
      const a = Array.from(got[name]!.data as Float32Array, Number);
      const b = Array.from(want[name]!.data as Float32Array, Number);
      const largest = Math.max(...b.map(Math.abs));
      b.forEach((value, i) => {
        const allowed = 1e-3 * Math.abs(value) + 1e-5 * largest;
        assert.ok(Math.abs(a[i]! - value) <= allowed, `${name}[${i}] is ${a[i]}, not ${value}`);
      });
    }
  });
}
