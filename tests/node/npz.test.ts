// Arrays in files: numpy's .npy and .npz in all the forms numpy writes, and what they do to samples.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zipSync } from 'fflate';
import { float } from './support/digits.ts';
import {
  data,
  eightfold,
  npy,
  type Tensor,
  type TensorType,
  type ValueInfo,
} from './support/eightfold.ts';
import { rejects } from './support/expect.ts';

interface Npy {
  descr: string;
  shape: string;
  data: ArrayLike<number> | ArrayBufferView;
  fortran?: boolean;
  version?: number;
}

/** An .npy file written by hand. */
function file({ descr, shape, data: values, fortran = false, version = 1 }: Npy): Uint8Array {
  const order = fortran ? 'True' : 'False';
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
  const length = new Uint8Array(version === 1 ? 2 : 4);
  length.set([text.length & 255, text.length >> 8]);
  const view = values as ArrayBufferView;
  const body = ArrayBuffer.isView(values)
    ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    : Uint8Array.from(values as ArrayLike<number>);
  const magic = [0x93, ...new TextEncoder().encode('NUMPY'), version, 0];
  return Uint8Array.from([...magic, ...length, ...new TextEncoder().encode(text), ...body]);
}

test('every dtype, there and back', () => {
  const tensors: [TensorType, Tensor['data']][] = [
    ['float32', Float32Array.of(1.5, -2, 3)],
    ['float64', Float64Array.of(1e300, -2, 3)],
    ['float16', Uint16Array.of(0x3c00, 1, 2)],
    ['uint8', Uint8Array.of(1, 2, 255)],
    ['int8', Int8Array.of(1, -2, 127)],
    ['uint16', Uint16Array.of(1, 2, 65535)],
    ['int16', Int16Array.of(1, -2, 3)],
    ['uint32', Uint32Array.of(1, 2, 2 ** 32 - 1)],
    ['int32', Int32Array.of(1, -2, 3)],
    ['uint64', BigUint64Array.of(1n, 2n, 2n ** 64n - 1n)],
    ['int64', BigInt64Array.of(1n, -2n, 3n)],
    ['bool', Uint8Array.of(1, 0, 1)],
  ];
  const arrays = Object.fromEntries(
    tensors.map(([type, values]) => [type, { type, dims: [3], data: values }]),
  );
  // float16 and uint16 share their typed array, not their dtype; so do uint8 and bool.
  assert.deepEqual(eightfold.readNpz(eightfold.writeNpz(arrays)), arrays);
});

test('shapes, there and back: a scalar, nothing, many axes', () => {
  for (const dims of [[], [0, 3], [1], [2, 1, 3]]) {
    const count = dims.reduce((a, b) => a * b, 1);
    const tensor = float(
      Array.from({ length: count }, (_, i) => i),
      dims,
    );
    assert.deepEqual(npy.readNpy(npy.writeNpy(tensor)), tensor);
  }
});

test('versions 1, 2 and 3; data that is not aligned', () => {
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  for (const version of [1, 2, 3]) {
    const bytes = file({ descr: '<f4', shape: '(2, 3)', data: values, version });
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const tensor = npy.readNpy(shifted.subarray(1));
    assert.deepEqual(tensor, float(values, [2, 3]));
  }
});

test('column-major arrays are turned', () => {
  // [[1, 2, 3], [4, 5, 6]] by columns, and a 2x2x2 cube.
  const flat = npy.readNpy(
    file({ descr: '|u1', shape: '(2, 3)', data: [1, 4, 2, 5, 3, 6], fortran: true }),
  );
  assert.deepEqual(Array.from(flat.data as Uint8Array), [1, 2, 3, 4, 5, 6]);
  const cube = npy.readNpy(
    file({ descr: '|u1', shape: '(2, 2, 2)', data: [0, 4, 2, 6, 1, 5, 3, 7], fortran: true }),
  );
  assert.deepEqual(Array.from(cube.data as Uint8Array), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('stored and deflated entries; other files of the archive are passed over', () => {
  const bytes = file({ descr: '<i8', shape: '(2,)', data: BigInt64Array.of(7n, -7n) });
  for (const level of [0, 9] as const) {
    const archive = zipSync({ 'a.npy': bytes, 'readme.txt': Uint8Array.of(1) }, { level });
    const arrays = eightfold.readNpz(archive);
    assert.deepEqual(Object.keys(arrays), ['a']);
    assert.deepEqual(arrays.a!.data, BigInt64Array.of(7n, -7n));
  }
});

test('the bundled file, which numpy wrote with zip64 fields', async () => {
  const { node } = await import('./support/eightfold.ts');
  const { kDigitsTest } = await import('./support/digits.ts');
  const arrays = node.readNpzFile(kDigitsTest);
  assert.deepEqual(arrays.input!.dims, [450, 1, 8, 8]);
  assert.deepEqual(arrays.labels!.type, 'int64');
});

test('bad files get a typed error', async (t) => {
  const good = file({ descr: '<f4', shape: '(2, 3)', data: Float32Array.of(1, 2, 3, 4, 5, 6) });
  const cases: Record<string, Uint8Array> = {
    'no archive': Uint8Array.of(1, 2, 3),
    'a cut archive': zipSync({ 'a.npy': good }).subarray(0, 60),
    'no array': zipSync({ 'a.npy': Uint8Array.of(1, 2, 3) }),
    'cut data': zipSync({ 'a.npy': good.subarray(0, -1) }),
    'a cut header': zipSync({ 'a.npy': good.subarray(0, 40) }),
    'big-endian numbers': zipSync({
      'a.npy': file({ descr: '>f4', shape: '(1,)', data: [0, 0, 0, 0] }),
    }),
    'an object array': zipSync({ 'a.npy': file({ descr: '|O', shape: '(1,)', data: [0] }) }),
    'version 9': zipSync({
      'a.npy': file({ descr: '<f4', shape: '(1,)', data: [0, 0, 0, 0], version: 9 }),
    }),
    'complex numbers': zipSync({
      'a.npy': file({ descr: '<c8', shape: '(1,)', data: new Float64Array(1) }),
    }),
    'a claimed huge shape': zipSync({
      'a.npy': file({ descr: '<f4', shape: '(99999999999,)', data: [0] }),
    }),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    await t.test(name, async () => {
      await rejects(() => eightfold.readNpz(bytes), { code: 'invalid_input' });
    });
  }
});

const input = (name: string, dims: ValueInfo['dims'], type: TensorType = 'float32'): ValueInfo => ({
  name,
  type,
  dims,
});
const ramp = (dims: number[]) =>
  float(
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i),
    dims,
  );

test('how arrays become samples', async (t) => {
  // array dims, input dims -> number of samples, dims of one, first element of the second
  const cases: [string, number[], ValueInfo['dims'], number, number[], number][] = [
    ['one axis more: rows', [5, 2, 3], [2, 3], 5, [2, 3], 6],
    ['one axis more than a batch', [5, 1, 3], [1, 3], 5, [1, 3], 3],
    ['same rank, first dimension 1: slices', [5, 3], [1, 3], 5, [1, 3], 3],
    ['same rank, first dimension free: slices', [5, 3], ['N', 3], 5, [1, 3], 3],
    ['same rank, first dimension unknown: slices', [5, 3], [null, 3], 5, [1, 3], 3],
    ['same rank, first dimension fixed: whole', [5, 3], [5, 3], 1, [5, 3], 0],
    ['a scalar: whole', [], [], 1, [], 0],
    ['a vector for a scalar: rows', [4], [], 4, [], 1],
    ['two axes more: whole', [2, 2, 3], [3], 1, [2, 2, 3], 0],
    ['no samples', [0, 3], ['N', 3], 0, [1, 3], 0],
  ];
  for (const [name, dims, wanted, count, sample, second] of cases) {
    await t.test(name, () => {
      const set = eightfold.splitSamples({ x: ramp(dims) }, [input('x', wanted)]);
      assert.equal(set.length, count);
      const feeds = [...set];
      assert.equal(feeds.length, count);
      for (const { x } of feeds) assert.deepEqual(x!.dims, sample);
      if (count > 1) assert.equal(feeds[1]!.x!.data[0], second);
    });
  }
});

test('what is whole is fed with every sample; other arrays are left aside', () => {
  const arrays = { x: ramp([3, 2]), size: ramp([2, 2]), labels: ramp([3]) };
  const inputs = [input('x', [1, 2]), input('size', [2, 2])];
  const feeds = [...eightfold.splitSamples(arrays, inputs)];
  assert.equal(feeds.length, 3);
  for (const one of feeds) {
    assert.deepEqual(Object.keys(one), ['x', 'size']);
    assert.equal(one.size, arrays.size);
  }
});

test('arrays that do not fit each other or the model', async () => {
  const inputs = [input('x', [1, 2]), input('y', [1, 2])];
  const bad: Record<string, Tensor>[] = [{ x: ramp([3, 2]), y: ramp([4, 2]) }, { x: ramp([3, 2]) }];
  for (const arrays of bad) {
    await rejects(() => eightfold.splitSamples(arrays, inputs), { code: 'invalid_input' });
  }
});

test('outputs are put together as the inputs were cut', () => {
  const parts = [float([1, 2], [1, 2]), float([3, 4], [1, 2])];
  assert.deepEqual(data.joinOutputs(parts, 'slice'), float([1, 2, 3, 4], [2, 2]));
  assert.deepEqual(data.joinOutputs(parts, 'row'), float([1, 2, 3, 4], [2, 1, 2]));
  assert.deepEqual(data.joinOutputs([parts[0]!], 'whole'), parts[0]);
  const scalars = [float([1], []), float([2], [])];
  assert.deepEqual(data.joinOutputs(scalars, 'slice'), float([1, 2], [2]));
  assert.equal(data.joinOutputs([parts[0]!, float([1], [1, 1])], 'row'), undefined);
});
