// Threads in the page: there where it is isolated, one where it is not, and the same file either way.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { onnxModel } from '../node/support/onnx_builder.ts';
import { finished, openStage } from './support/browser.ts';
import { npz } from './support/files.ts';

const kSide = 80;
const kChannels = 16;
const wave = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) / 8);

/** Convolutions that are worth more than one thread. */
const model = () =>
  Buffer.from(
    onnxModel({
      nodes: Array.from({ length: 4 }, (_, i) => ({
        op: 'Conv',
        name: `conv_${i}`,
        inputs: [i ? `h${i}` : 'x', 'w'],
        outputs: [i === 3 ? 'y' : `h${i + 1}`],
        attributes: { pads: [1, 1, 1, 1] },
      })),
      inputs: { x: { dims: [1, kChannels, kSide, kSide] } },
      outputs: { y: { dims: [1, kChannels, kSide, kSide] } },
      initializers: { w: { dims: [kChannels, kChannels, 3, 3], data: wave(kChannels ** 2 * 9) } },
    }),
  );

const samples = () => {
  const dims = [2, kChannels, kSide, kSide];
  const data = Float32Array.from(wave(dims.reduce((a, b) => a * b, 1)));
  return npz({ x: { dims, data } });
};

/** What the page says that it runs on, how many processors it has, and the int8 file it makes. */
async function quantizeIn(isolated: boolean) {
  const stage = await openStage({ isolated });
  try {
    const { page, complaints } = await stage.visit();
    const build = (await page.locator('#ready').getAttribute('title')) ?? '';
    const processors = await page.evaluate(() => navigator.hardwareConcurrency);
    const files = Object.entries({ 'heavy.onnx': model(), 'samples.npz': samples() });
    const mimeType = 'application/octet-stream';
    await page.setInputFiles(
      '#files',
      files.map(([name, buffer]) => ({ name, mimeType, buffer })),
    );
    await page.locator('#run:enabled').click();
    await finished(page);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download int8 model' }).click(),
    ]);
    assert.deepEqual(complaints, []);
    return { build, processors, file: await readFile(await download.path()) };
  } finally {
    await stage.close();
  }
}

test('an isolated page runs on threads, any other on one, and both make the same file', async () => {
  const alone = await quantizeIn(false);
  assert.equal(alone.build, 'relaxed build, 1 thread');
  const shared = await quantizeIn(true);
  const threads = Math.min(shared.processors, 4);
  const count = threads === 1 ? '1 thread' : `${threads} threads`;
  assert.equal(shared.build, `relaxed build, ${count}`);
  assert.deepEqual(shared.file, alone.file);
});
