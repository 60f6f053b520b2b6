// A recording dropped with a streaming detector: both probabilities over the waveform, figures that hold, a player with
// its cursor. The detector made by our own script, and Silero's where the shared data is.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { haveData, inData, kNoData } from '../accuracy/data.ts';
import { recordedSpeech } from '../accuracy/data_streams.ts';
import { detectorModel, kContext, kWindow, recording, wavFile } from '../node/support/streaming.ts';
import { finished, keepShot, openStage, type Stage, savedFile } from './support/browser.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
});
after(() => stage?.close());

const kDetector = { name: 'detector.onnx', mimeType: 'application/octet-stream' };
const kWav = { name: 'tone.wav', mimeType: 'audio/wav' };

async function pick(page: Page, model: Buffer, wav: Buffer): Promise<void> {
  await page.setInputFiles('#files', [
    { ...kDetector, buffer: model },
    { ...kWav, buffer: wav },
  ]);
  await page.locator('#stream').waitFor();
}

interface Heard {
  windows: number;
  meanError: number;
  agreement: number;
  float: number[];
  int8: number[];
}

async function heard(page: Page): Promise<Heard> {
  const { bytes } = await savedFile(page, 'Report as JSON');
  return JSON.parse(bytes.toString()).measured.stream;
}

/** The figures of the report, computed anew from the probabilities in it. */
function holds({ windows, meanError, agreement, float, int8 }: Heard): void {
  assert.equal(float.length, windows);
  assert.equal(int8.length, windows);
  const errors = float.map((p, i) => Math.abs(p - int8[i]!));
  assert.ok(Math.abs(errors.reduce((a, b) => a + b, 0) / windows - meanError) < 1e-6);
  const same = float.filter((p, i) => p > 0.5 === int8[i]! > 0.5).length;
  assert.equal(same / windows, agreement);
}

/** How many pixels of the chart have the colours of these custom properties. */
async function inks(page: Page, properties: readonly string[]): Promise<number[]> {
  return page.evaluate((names) => {
    const canvas = document.querySelector<HTMLCanvasElement>('.wave canvas')!;
    const style = getComputedStyle(document.documentElement);
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return names.map((name) => {
      const text = style.getPropertyValue(name).trim();
      const wanted = [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
      let count = 0;
      for (let i = 0; i < data.length; i += 4)
        if (wanted.every((value, c) => Math.abs(data[i + c]! - value) < 12)) ++count;
      return count;
    });
  }, properties);
}

test('a recording and a detector: curves, figures, player and cursor', async () => {
  const { page, complaints, close } = await stage.visit();
  await pick(page, detectorModel(), wavFile(recording(4)));
  const value = (name: string) => page.locator(`[name=${name}]`).inputValue();
  assert.deepEqual(
    await Promise.all(['streamInput', 'window', 'context', 'rate', 'streamOutput'].map(value)),
    ['input', String(kWindow), String(kContext), '16000', 'output'],
  );
  assert.equal(await page.locator('[data-state=state]').inputValue(), 'stateN');
  await page.click('#run');
  await finished(page);
  const found = await heard(page);
  holds(found);
  assert.equal(found.windows, (4 * 16000) / (kWindow - kContext));
  assert.ok(found.agreement > 0.95, `${found.agreement} agree`);
  assert.ok(found.float.some((p) => p > 0.8) && found.float.some((p) => p < 0.2));
  const drawn = await inks(page, ['--float', '--accent', '--wave']);
  assert.ok(
    drawn.every((count) => count > 50),
    `pixels of each ink: ${drawn}`,
  );

  // The player knows the length, and a click on the chart goes there.
  await page.waitForFunction(() => document.querySelector('audio')!.readyState >= 1);
  const length = await page.locator('audio').evaluate((audio: HTMLAudioElement) => audio.duration);
  assert.ok(Math.abs(length - 4) < 0.1, `${length} seconds`);
  const before = await page.locator('.cursor').boundingBox();
  await page.locator('.wave canvas').click();
  await page.waitForFunction(() => document.querySelector('audio')!.currentTime > 1);
  const after = await page.locator('.cursor').boundingBox();
  assert.ok(after!.x > before!.x + 50, 'the cursor follows');
  // It stays at its time when the chart gets another size.
  await page.setViewportSize({ width: 700, height: 900 });
  await page.waitForTimeout(300);
  const [cursor, box] = [
    await page.locator('.cursor').boundingBox(),
    await page.locator('.wave canvas').boundingBox(),
  ];
  const share = (cursor!.x - box!.x) / box!.width;
  assert.ok(share > 0.4 && share < 0.65, `the cursor is at ${share} of the chart`);
  assert.match(await page.locator('.reading').innerText(), /^at \d\.\d\d s: float \d\.\d+, int8/);
  await keepShot(page, 'stream-light');
  assert.deepEqual(complaints, []);
  await close();
});

test('the form corrects what was guessed; a model without a signal refuses the recording', async () => {
  const { page, complaints, close } = await stage.visit();
  await pick(page, detectorModel(), wavFile(recording(2)));
  await page.selectOption('[data-state=state]', '');
  await page.fill('[name=context]', '0');
  await page.click('#run');
  await finished(page);
  const found = await heard(page);
  holds(found);
  assert.equal(found.windows, (2 * 16000) / kWindow);
  await page.setInputFiles('#files', { ...kWav, buffer: Buffer.from('no sound') });
  await page.click('#run');
  await page.locator('#problem').waitFor();
  assert.match(await page.locator('#problem').innerText(), /tone\.wav is no recording/);
  await page.click('#example');
  await finished(page);
  assert.equal(await page.locator('#stream').isVisible(), false);
  await page.setInputFiles('#files', { ...kWav, buffer: wavFile(recording(1)) });
  assert.match(await page.locator('#problem').innerText(), /does not take a recording/);
  assert.deepEqual(complaints, []);
  await close();
});

test('of two recordings the second is checked on; other samples do not mix with them', async () => {
  const { page, complaints, close } = await stage.visit();
  const second = { ...kWav, name: 'other.wav', buffer: wavFile(recording(3)) };
  await pick(page, detectorModel(), wavFile(recording(2)));
  await page.setInputFiles('#files', [{ ...kWav, buffer: wavFile(recording(2)) }, second]);
  await page.getByText('tone.wav; to check on: other.wav').waitFor();
  await page.click('#run');
  await finished(page);
  holds(await heard(page));
  const text = await page.locator('#stream-summary').innerText();
  assert.match(text, /^Over 187 windows of other\.wav .* Calibrated with .* of tone\.wav\.$/);
  const image = { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('x') };
  await page.setInputFiles('#files', [{ ...kWav, buffer: wavFile(recording(1)) }, image]);
  await page.locator('#problem').waitFor();
  assert.match(await page.locator('#problem').innerText(), /do not mix/);
  assert.deepEqual(complaints, []);
  await close();
});

test('Silero over thirty seconds of speech', { skip: !haveData() && kNoData }, async () => {
  const model = await readFile(inData('silero-vad-16k-op15', 'model.onnx'));
  const wav = await readFile(inData('speech', 'silero-test-first30s.wav'));
  for (const options of [
    { colorScheme: 'dark' },
    { viewport: { width: 390, height: 844 }, hasTouch: true },
  ] as const) {
    const { page, complaints, close } = await stage.visit(options);
    await pick(page, model, wav);
    await page.click('#run');
    await finished(page);
    const found = await heard(page);
    holds(found);
    const truth = recordedSpeech();
    assert.equal(found.windows, truth.length);
    assert.ok(found.float.every((p, i) => Math.abs(p - truth[i]!) < 2e-3));
    assert.ok(found.agreement >= 0.99, `${found.agreement} agree`);
    assert.ok(found.meanError <= 0.02, `mean error ${found.meanError}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`);
    await keepShot(page, 'viewport' in options ? 'stream-mobile' : 'stream-dark');
    assert.deepEqual(complaints, []);
    await close();
  }
});
