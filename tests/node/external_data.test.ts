// External data that is not as the model says: cut short, elsewhere, of another size.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Workshop } from './support/cli.ts';
import { type ExternalData, eightfold, node } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';
import { onnxModel } from './support/onnx_builder.ts';

type Place = { location: string; offset?: number; length?: number };

/** y = x + w, with w of two floats in a file. */
const model = (external: Place) =>
  onnxModel({
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: { x: { dims: [2] } },
    outputs: { y: { dims: [2] } },
    initializers: { w: { dims: [2], data: [], external } },
  });

const kFile = new Uint8Array(Float32Array.of(-1, 10, 20).buffer);
const callback = (_: string, offset: number, length: number) =>
  kFile.subarray(offset, offset + length);

/** The same file in every form; a URL is a `data:` one. */
const kForms: [string, ExternalData][] = [
  ['Uint8Array', { 'w.bin': kFile }],
  ['ArrayBuffer', { 'w.bin': kFile.slice().buffer }],
  ['Blob', { 'w.bin': new Blob([kFile]) }],
  ['URL', { 'w.bin': new URL(`data:;base64,${Buffer.from(kFile).toString('base64')}`) }],
  ['callback', callback],
  ['async callback', async (...part) => callback(...part)],
];

const worker = await node.startWorker();
test.after(() => worker.terminate());

for (const [form, externalData] of kForms) {
  test(`external data as ${form}`, async (t) => {
    for (const [where, instance] of [
      ['here', await eightfold.init()],
      ['in a worker', worker],
    ] as const) {
      await t.test(where, async () => {
        const bytes = model({ location: 'w.bin', offset: 4, length: 8 });
        const session = await instance.createSession(bytes, { externalData });
        const x = { type: 'float32', data: Float32Array.of(1, 2), dims: [2] } as const;
        const { y } = await session.run({ x });
        assert.deepEqual([...(y!.data as Float32Array)], [11, 22]);
        session.delete();
        const beyond = model({ location: 'w.bin', offset: 8, length: 8 });
        await rejects(() => instance.loadModel(beyond, { externalData }), {
          code: 'invalid_model',
          message: /'w'.* 8 bytes at 8 of 'w\.bin'/,
        });
      });
    }
  });
}

const kFaults: [string, Place, RegExp][] = [
  ['a length that is not the shape', { location: 'w.bin', length: 12 }, /needs 8 bytes, 12/],
  [
    'an offset beyond the file',
    { location: 'w.bin', offset: 2 ** 40, length: 8 },
    /at 1099511627776/,
  ],
  ['an offset that is no number', { location: 'w.bin', offset: -4, length: 8 }, /offset '-4'/],
  ['another file', { location: 'v.bin', length: 8 }, /'v\.bin' is not at hand/],
  ['an absolute path', { location: '/w.bin', length: 8 }, /not beside the model/],
  ['a path out of the folder', { location: 'a/../../w.bin', length: 8 }, /not beside the model/],
  ['a path of another system', { location: '..\\w.bin', length: 8 }, /not beside the model/],
];

// The first error of an instance makes room for errors.
await rejects(() => eightfold.loadModel(new Uint8Array(8)), { code: 'invalid_model' });

for (const [name, place, message] of kFaults) {
  test(`external data: ${name}`, async () => {
    const externalData = { 'w.bin': kFile };
    const mark = (await eightfold.memory()).allocatedBytes;
    await rejects(() => eightfold.loadModel(model(place), { externalData }), {
      code: 'invalid_model',
      message,
    });
    assert.equal((await eightfold.memory()).allocatedBytes, mark);
  });
}

test('a tensor that claims much and has little takes no memory', async () => {
  const claims = onnxModel({
    nodes: [{ op: 'Identity', inputs: ['w'], outputs: ['y'] }],
    inputs: {},
    outputs: { y: { dims: [] } },
    initializers: { w: { dims: [400, 1 << 20], data: [], external: { location: 'w.bin' } } },
  });
  const instance = await eightfold.createInstance();
  const externalData = { 'w.bin': new Blob([kFile]) };
  await rejects(() => instance.loadModel(claims, { externalData }), { code: 'invalid_model' });
  assert.ok((await instance.memory()).heapBytes < 64 << 20);
});

test('an address that does not answer', async () => {
  const externalData = { 'w.bin': new URL('http://127.0.0.1:9/w.bin') };
  const bytes = model({ location: 'w.bin', length: 8 });
  await rejects(() => eightfold.loadModel(bytes, { externalData }), { code: 'invalid_input' });
});

test('the command line: files cut short, missing', async () => {
  const shop = new Workshop();
  test.after(() => shop.close());
  mkdirSync(shop.path('m'));
  const path = shop.path('m', 'model.onnx');
  writeFileSync(path, model({ location: 'w.bin', length: 8 }));
  const x = shop.path('x.npz');
  node.writeNpzFile(x, { x: { type: 'float32', data: Float32Array.of(1, 2), dims: [2] } });
  const run = () => shop.run(['run', path, '--inputs', x, '-o', shop.path('y.npz')]);

  const missing = await run();
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /w\.bin: there is no such file/);
  writeFileSync(shop.path('m', 'w.bin'), kFile.subarray(0, 7));
  const short = await run();
  assert.equal(short.code, 1);
  assert.match(short.stderr, /invalid_model.*'w' needs 8 bytes/);
  writeFileSync(shop.path('m', 'w.bin'), kFile);
  assert.equal((await run()).code, 0);
});
