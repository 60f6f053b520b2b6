// The benchmark behind its button: without a peer and with the network cut, with onnxruntime-web served beside the
// page, cancelled. No time is judged: what counts is that each engine has one, and that bars and table show it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { keepShot, kRoot, openStage, runExample } from './support/browser.ts';

const kPeer = join(kRoot, 'node_modules/onnxruntime-web/dist');
const kLayers = 4;

const status = (page: Page) => page.locator('#bench-status').innerText();

async function benchmark(page: Page): Promise<void> {
  await page.click('#bench-run');
  await page.waitForFunction(
    () => {
      const text = document.getElementById('bench-status')!.textContent;
      return text === 'Done.' || document.getElementById('problem')!.hidden === false;
    },
    undefined,
    { timeout: 180_000 },
  );
  assert.equal(await status(page), 'Done.');
}

/** The table as texts, its head first. */
async function rows(page: Page): Promise<string[][]> {
  const read = (all: Element[]) =>
    all.map((row) => [...row.children].map((cell) => cell.textContent ?? ''));
  return page.locator('#bench-table tr').evaluateAll(read);
}

const kTime = /^[\d.]+ (us|ms) \([\d.]+ x\)[\d.]+ (us|ms) to [\d.]+ (us|ms)$/;

test('without a peer and with the network cut: our bars, and a sentence why there are no others', async () => {
  const stage = await openStage();
  const { page, context, complaints, close } = await stage.visit();
  await context.setOffline(true);
  await benchmark(page);
  const [head, ...body] = await rows(page);
  assert.deepEqual(head, ['', 'Eightfold, float', 'Eightfold, int8']);
  assert.equal(body.length, kLayers);
  for (const [name, ...cells] of body) for (const cell of cells) assert.match(cell, kTime, name);
  assert.match(await page.locator('#bench-body').innerText(), /onnxruntime-web has no bars: no/);
  assert.deepEqual(complaints, []);
  await close();
  await stage.close();
});

test('with onnxruntime-web beside the page, the user model is timed on both', async () => {
  // Not isolated: the clock is coarse, and the peer has no shared memory either.
  const stage = await openStage({ peer: kPeer, isolated: false });
  const { page, complaints, close } = await stage.visit();
  await runExample(page);
  await benchmark(page);
  const [head, ...body] = await rows(page);
  assert.equal(head!.length, 5);
  assert.equal(body.length, kLayers + 1);
  assert.equal(body.at(-1)![0], 'digits.onnx');
  for (const [name, ...cells] of body) for (const cell of cells) assert.match(cell, kTime, name);
  const label = await page.locator('#bench-body canvas').getAttribute('aria-label');
  assert.match(label!, /digits\.onnx: Eightfold, float 1\.00 x, Eightfold, int8 [\d.]+ x, onnxr/);
  await keepShot(page, 'bench-light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await keepShot(page, 'bench-dark');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForTimeout(300);
  await keepShot(page, 'bench-mobile');
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`);
  assert.deepEqual(complaints, []);
  await close();
  await stage.close();
});

test('a benchmark is cancelled at once, keeps its rows, and gives way to the main job', async () => {
  const stage = await openStage();
  const { page, complaints, close } = await stage.visit();
  await page.click('#bench-run');
  await page.locator('#bench-table').waitFor();
  await page.click('#bench-cancel');
  await page.waitForFunction(
    () => document.getElementById('bench-status')!.textContent === 'Cancelled.',
  );
  const [, ...body] = await rows(page);
  assert.ok(body.length >= 1 && body.length < kLayers, `${body.length} rows`);
  await page.click('#bench-run');
  await page.locator('#bench-cancel').waitFor();
  await runExample(page);
  assert.equal(await status(page), 'Cancelled.');
  assert.deepEqual(complaints, []);
  await close();
  await stage.close();
});
