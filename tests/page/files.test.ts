// Files of one's own: images, bad files and wrong options are told, a long run is cancelled, the page stays usable.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { onnxModel } from '../node/support/onnx_builder.ts';
import {
  dropFile,
  finished,
  kExample,
  keepShot,
  openStage,
  runExample,
  type Stage,
} from './support/browser.ts';
import { bmp, npz } from './support/files.ts';

const kMimeType = 'application/octet-stream';

let stage: Stage;
let model: Buffer;
before(async () => {
  stage = await openStage();
  model = await readFile(join(kExample, 'model.onnx'));
});
after(() => stage?.close());

async function problem(page: Page): Promise<string> {
  await page.locator('#problem').waitFor();
  return page.locator('#problem').innerText();
}

async function pick(page: Page, files: Record<string, Buffer>): Promise<void> {
  const list = Object.entries(files).map(([name, buffer]) => ({
    name,
    mimeType: kMimeType,
    buffer,
  }));
  await page.setInputFiles('#files', list);
}

function digits(samples: number, value = (i: number) => ((i * 7919) % 16) / 16): Buffer {
  const data = Float32Array.from({ length: samples * 64 }, (_, i) => value(i));
  return npz({ input: { dims: [samples, 1, 8, 8], data } });
}

test('images of any size become the input the model wants', async () => {
  const { page, complaints, close } = await stage.visit();
  const images = Array.from({ length: 6 }, (_, k) => [
    `digit-${k}.bmp`,
    bmp(20 + k, 32, (x, y) => (Math.abs(x - 10 - k / 2) < 3 && y > k ? 255 : 0)),
  ]);
  await pick(page, { 'digits.onnx': model, ...Object.fromEntries(images) });
  await page.locator('#images').waitFor();
  const value = (name: string) => page.locator(`[name=${name}]`).inputValue();
  assert.deepEqual(
    await Promise.all(['width', 'height', 'channels', 'layout', 'scale'].map(value)),
    ['8', '8', 'gray', 'nchw', '255'],
  );
  await keepShot(page, 'images');
  await page.click('#run');
  await finished(page);
  assert.match(await page.locator('#card-agreement').innerText(), /on 6 samples/);
  assert.deepEqual(complaints, []);
  await close();
});

test('bad files are told with their code, and the page goes on', async () => {
  const { page, complaints, close } = await stage.visit();
  const cases: [string, Uint8Array, RegExp][] = [
    [
      'noise.onnx',
      Uint8Array.from({ length: 4000 }, (_, i) => (i * 131 + 7) & 255),
      /invalid_model/,
    ],
    ['cut.onnx', model.subarray(0, 5000), /invalid_model/],
    ['empty.onnx', new Uint8Array(), /invalid_model/],
    ['notes.txt', new Uint8Array(4), /unknown_file/],
  ];
  for (const [name, bytes, expected] of cases) {
    await page.evaluate(() => document.getElementById('problem')!.setAttribute('hidden', ''));
    await dropFile(page, name, bytes);
    assert.match(await problem(page), expected, name);
  }
  await keepShot(page, 'problem');
  await runExample(page);
  assert.equal(await page.locator('#problem').isVisible(), false);

  await pick(page, { 'broken.npz': Buffer.from('not a zip archive at all') });
  assert.match(await problem(page), /invalid_input/);
  await pick(page, { 'nan.npz': digits(4, (i) => (i === 70 ? Number.NaN : 0.5)) });
  await page.locator('#problem').waitFor({ state: 'hidden' });
  await page.click('#run');
  assert.match(await problem(page), /invalid_data/);
  await pick(page, { 'fine.npz': digits(40) });
  await page.locator('#problem').waitFor({ state: 'hidden' });
  await page.click('#run');
  await finished(page);
  assert.deepEqual(complaints, []);
  await close();
});

test('a run is cancelled at once, and the next one is whole', async () => {
  const { page, complaints, close } = await stage.visit();
  await pick(page, { 'digits.onnx': model, 'many.npz': digits(20_000) });
  await page.locator('#run:enabled').click();
  await page.waitForFunction(() =>
    document.getElementById('status')?.textContent?.startsWith('Calibrating'),
  );
  await keepShot(page, 'busy');
  const start = Date.now();
  await page.click('#cancel');
  await page.waitForFunction(() => document.getElementById('status')?.textContent === 'Cancelled.');
  assert.ok(Date.now() - start < 2000, `${Date.now() - start} ms`);
  assert.equal(await page.locator('#report').isVisible(), false);
  assert.equal(await page.locator('#problem').isVisible(), false);
  await runExample(page);
  assert.deepEqual(complaints, []);
  await close();
});

test('weights in a file beside the model are read from it', async () => {
  const { page, complaints, close } = await stage.visit();
  const weights = Float32Array.from({ length: 64 * 10 }, (_, i) => Math.sin(i * 1.7) / 8);
  const external = { location: 'weights.bin', offset: 0, length: weights.byteLength };
  const file = onnxModel({
    nodes: [
      { op: 'Flatten', inputs: ['input'], outputs: ['flat'] },
      { op: 'MatMul', inputs: ['flat', 'w'], outputs: ['logits'] },
    ],
    inputs: { input: { dims: ['N', 1, 8, 8] } },
    outputs: { logits: { dims: ['N', 10] } },
    initializers: { w: { dims: [64, 10], data: [], external } },
  });
  const beside = { 'beside.onnx': Buffer.from(file), 'some.npz': digits(40) };
  await pick(page, beside);
  await page.locator('#run:enabled').click();
  assert.match(await problem(page), /weights\.bin/);
  await pick(page, { ...beside, 'weights.bin': Buffer.from(weights.buffer) });
  await page.locator('#problem').waitFor({ state: 'hidden' });
  await page.click('#run');
  await finished(page);
  assert.match(await page.locator('#card-agreement').innerText(), /on 40 samples/);
  await keepShot(page, 'external');
  assert.deepEqual(complaints, []);
  await close();
});
