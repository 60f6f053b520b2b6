// Large models: external data goes in slices straight into the heap, from wherever it lies, and a session keeps its
// weights once. The heap is measured by the size of the module's memory, which never shrinks: its peak.
//   EIGHTFOLD_LARGE_MB=1000 node --import tsx --test tests/node/large.test.ts
import assert from 'node:assert/strict';
import {
  closeSync,
  mkdtempSync,
  openAsBlob,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  type Eightfold,
  eightfold,
  node,
  type Progress,
  type Session,
} from './support/eightfold.ts';
import { rejects } from './support/expect.ts';
import { onnxModel, type TensorSpec } from './support/onnx_builder.ts';

const kMegabytes = Number(process.env.EIGHTFOLD_LARGE_MB ?? 200);
const kMatrices = 16;
const kRows = 1024;
const kColumns = Math.round((kMegabytes * 2 ** 20) / (4 * kMatrices * kRows));
const kBytes = 4 * kMatrices * kRows * kColumns;
/** Of the weights, beside the heap of an instance that holds nothing; stacks of threads count as well. */
const kMostHeap = 1.17;
const kEmptyHeap = (await (await eightfold.createInstance()).memory()).heapBytes;

/** Element `i` of the weights as they lie in the file: no two matrices are alike. */
const weight = (i: number) => (Math.imul(i, 2654435761) >>> 16) / 65536 - 0.5;

function slice(offset: number, length: number): Uint8Array {
  const floats = Float32Array.from({ length: length / 4 }, (_, i) => weight(offset / 4 + i));
  return new Uint8Array(floats.buffer);
}

const matrixAt = (k: number) => 4 * k * kRows * kColumns;

/** y_k = x * w_k, each w_k in the external file. */
function largeModel(): Uint8Array {
  const each = Array.from({ length: kMatrices }, (_, k) => k);
  const initializers = each.map((k): [string, TensorSpec] => {
    const length = 4 * kRows * kColumns;
    const external = { location: 'weights.bin', offset: matrixAt(k), length };
    return [`w${k}`, { dims: [kRows, kColumns], data: [], external }];
  });
  return onnxModel({
    nodes: each.map((k) => ({ op: 'MatMul', inputs: ['x', `w${k}`], outputs: [`y${k}`] })),
    inputs: { x: { dims: [1, kRows] } },
    outputs: Object.fromEntries(each.map((k) => [`y${k}`, { dims: [1, kColumns] }])),
    initializers: Object.fromEntries(initializers),
  });
}

const folder = mkdtempSync(join(tmpdir(), 'eightfold-large-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'model.onnx');
const bytes = largeModel();
writeFileSync(path, bytes);
{
  const file = openSync(join(folder, 'weights.bin'), 'w');
  for (let k = 0; k < kMatrices; k++) writeSync(file, slice(matrixAt(k), 4 * kRows * kColumns));
  closeSync(file);
}

const x = Float32Array.from({ length: kRows }, (_, i) => Math.sin(i));

/** Some columns of each product, against sums in double precision. */
async function checkRun(session: Session): Promise<void> {
  const outputs = await session.run({ x: { type: 'float32', data: x, dims: [1, kRows] } });
  for (let k = 0; k < kMatrices; k++) {
    const y = outputs[`y${k}`]!.data as Float32Array;
    for (const column of [0, 1, kColumns >> 1, kColumns - 1]) {
      const wanted = x.reduce(
        (sum, value, row) => sum + value * weight(matrixAt(k) / 4 + row * kColumns + column),
        0,
      );
      assert.ok(Math.abs(y[column]! - wanted) < 1e-3, `y${k}[${column}]: ${y[column]}, ${wanted}`);
    }
  }
}

async function checkHeap(instance: Eightfold): Promise<void> {
  const { heapBytes } = await instance.memory();
  const share = (heapBytes - kEmptyHeap) / kBytes;
  const inside = heapBytes >= kBytes && share <= kMostHeap;
  assert.ok(inside, `the heap is ${share.toFixed(3)} of the weights, beside ${kEmptyHeap} bytes`);
}

test('inspect takes no memory for external data', async () => {
  const instance = await eightfold.createInstance();
  const { parameters } = await instance.inspect(bytes);
  assert.equal(parameters, kBytes / 4);
  assert.ok((await instance.memory()).heapBytes < kBytes / 4);
});

test('a model loads from files, and the heap holds little more than its weights', async () => {
  const instance = await eightfold.createInstance();
  const told: Progress[] = [];
  const file = node.readModelFile(path);
  const onProgress = (progress: Progress) => void told.push(progress);
  const model = await instance.loadModel(file.bytes, { ...file.options, onProgress });
  await checkHeap(instance);
  assert.deepEqual(
    told.map(({ phase, done, total }) => [phase, done, total]),
    Array.from({ length: kMatrices + 1 }, (_, done) => ['load', done, kMatrices]),
  );
  model.delete();
});

test('a session from a Blob keeps its weights once, and computes with them', async () => {
  const instance = await eightfold.createInstance();
  const externalData = { 'weights.bin': await openAsBlob(join(folder, 'weights.bin')) };
  const session = await instance.createSession(bytes, { externalData });
  await checkHeap(instance);
  await checkRun(session);
  await checkHeap(instance);
  session.delete();
});

test('a worker asks its client for slices', async () => {
  const worker = await node.startWorker();
  let most = 0;
  const externalData = async (_: string, offset: number, length: number) => {
    most = Math.max(most, length);
    return slice(offset, length);
  };
  const session = await worker.createSession(bytes, { externalData });
  assert.ok(most <= 8 << 20);
  await checkHeap(worker);
  await checkRun(session);
  worker.terminate();
});

test('an abort while reading ends the call, and the memory is free', async () => {
  const instance = await eightfold.createInstance();
  const abort = async () => {
    const controller = new AbortController();
    let slices = 0;
    const externalData = async (_: string, offset: number, length: number) => {
      if (++slices === 3) controller.abort();
      return slice(offset, length);
    };
    const { signal } = controller;
    await rejects(() => instance.loadModel(bytes, { externalData, signal }), { code: 'aborted' });
    assert.equal(slices, 3);
  };
  await abort();
  const mark = (await instance.memory()).allocatedBytes;
  await abort();
  assert.equal((await instance.memory()).allocatedBytes, mark);
});
