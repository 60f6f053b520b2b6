// Models whose weights lie in a second file: written by every way, read by us and by onnxruntime-web, and the same model.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { Workshop } from './support/cli.ts';
import { digitSamples, digits, kDigits, kDigitsCalibration } from './support/digits.ts';
import { eightfold, type Format, node, type Tensor } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const calibration = digitSamples(16);
const [sample] = calibration;
const worker = await node.startWorker();
const shop = new Workshop();
after(() => {
  worker.terminate();
  shop.close();
});

type Outputs = Record<string, Tensor>;

async function ours(model: Uint8Array, location: string, data?: Uint8Array): Promise<Outputs> {
  const externalData = data && { [location]: data };
  using session = await eightfold.createSession(model, { ...(externalData && { externalData }) });
  return await session.run(sample!);
}

async function theirs(model: Uint8Array, path: string, data: Uint8Array) {
  const session = await ort.InferenceSession.create(model, { externalData: [{ path, data }] });
  const feeds = Object.entries(sample!).map(([name, { data: values, dims }]) => [
    name,
    new ort.Tensor(values as Float32Array, dims),
  ]);
  const outputs = await session.run(Object.fromEntries(feeds));
  await session.release();
  return outputs;
}

for (const format of ['qdq', 'qoperator'] satisfies Format[]) {
  for (const [where, instance] of [
    ['here', await eightfold.init()],
    ['in a worker', worker],
  ] as const) {
    test(`quantize writes two files, ${format}, ${where}`, async () => {
      const options = { calibration, format, compareSamples: 0 };
      const whole = await instance.quantize(digits(), options);
      assert.equal(whole.externalData, undefined);
      const saveExternal = { location: 'int8.bin', minBytes: 256 };
      const { model, externalData, report } = await instance.quantize(digits(), {
        ...options,
        saveExternal,
      });
      assert.ok(model.length < whole.model.length / 2, `${model.length} of ${whole.model.length}`);
      assert.ok(externalData!.length > 256);
      assert.equal(report.bytes.int8, model.length + externalData!.length);
      const want = await ours(whole.model, '');
      const got = await ours(model, 'int8.bin', externalData);
      const other = await theirs(model, 'int8.bin', externalData!);
      for (const [name, { data }] of Object.entries(want)) {
        assert.deepEqual(got[name]!.data, data);
        assert.deepEqual(other[name]!.data, data);
      }
      await rejects(() => ours(model, 'elsewhere.bin', externalData), { code: 'invalid_model' });
    });
  }
}

test('a float model keeps its numbers when its weights move out', async () => {
  using model = await eightfold.loadModel(digits());
  const saveExternal = { location: 'weights.bin' };
  const files = await eightfold.toOnnxFiles(model, { saveExternal });
  const want = await ours(digits(), '');
  assert.deepEqual(await ours(files.model, 'weights.bin', files.externalData), want);
  assert.equal((await eightfold.toOnnxFiles(model)).externalData, undefined);
  const none = await eightfold.toOnnxFiles(model, {
    saveExternal: { location: 'x', minBytes: 1e9 },
  });
  assert.equal(none.externalData!.length, 0);
  for (const wrong of [{ location: '' }, { location: 'x', minBytes: -1 }]) {
    const call = () => eightfold.toOnnxFiles(model, { saveExternal: wrong });
    await rejects(call, { code: 'invalid_config' });
  }
});

test('the command line writes OUT and OUT.data', async () => {
  const out = shop.path('int8.onnx');
  const args = ['quantize', kDigits, '-o', out, '--calibration', kDigitsCalibration];
  const { code, stderr } = await shop.run([...args, '--samples', '16', '--external-data', '256']);
  assert.equal(code, 0, stderr);
  const files = [readFileSync(out), readFileSync(`${out}.data`)];
  const made = await eightfold.quantize(digits(), {
    calibration,
    saveExternal: { location: 'int8.onnx.data', minBytes: 256 },
  });
  assert.ok(files[0]!.equals(made.model) && files[1]!.equals(made.externalData!));
  const info = await shop.run(['inspect', out]);
  assert.equal(info.code, 0, info.stderr);
});
