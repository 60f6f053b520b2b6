// The main job in a real browser: the bundled example, its report, a drawn digit, the network cut, other options.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { Report } from '../../bindings/js/types.ts';
import {
  finished,
  kExample,
  keepShot,
  openStage,
  runExample,
  type Stage,
  savedFile,
  type Visit,
} from './support/browser.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
});
after(() => stage?.close());

/** A visit that must end without a single complaint. */
async function visit(
  options: Parameters<Stage['visit']>[0],
  work: (visit: Visit) => Promise<void>,
): Promise<void> {
  const visitor = await stage.visit(options);
  try {
    await work(visitor);
    assert.deepEqual(visitor.complaints, []);
  } finally {
    await visitor.close();
  }
}

interface SavedReport extends Report {
  measured: {
    latencyMs: { float: number; int8: number };
    agreement: { samples: number; agreement: number; accuracy: { float: number; int8: number } };
  };
}

test('the example ends in a report that can be believed, and in two files', async () => {
  await visit({}, async ({ page }) => {
    await runExample(page);
    await keepShot(page, 'report-light');
    const model = await savedFile(page, 'Download int8 model');
    const { name, bytes } = await savedFile(page, 'Report as JSON');
    const report = JSON.parse(bytes.toString()) as SavedReport;
    const { size } = await stat(join(kExample, 'model.onnx'));

    assert.deepEqual([model.name, name], ['digits-int8.onnx', 'digits-int8.json']);
    assert.deepEqual(report.bytes, { float: size, int8: model.bytes.length });
    assert.ok(model.bytes.length < size / 2, `${model.bytes.length} of ${size} bytes`);
    assert.ok(report.int8MacShare >= 0.95, `${report.int8MacShare} of the MACs`);
    assert.ok(report.outputs[0]!.sqnr >= 20, `${report.outputs[0]!.sqnr} dB`);
    const { agreement, latencyMs } = report.measured;
    assert.equal(agreement.samples, 450);
    assert.ok(agreement.agreement >= 0.98, `${agreement.agreement} agree`);
    assert.ok(agreement.accuracy.float >= 0.99, `float ${agreement.accuracy.float}`);
    assert.ok(agreement.accuracy.int8 >= 0.98, `int8 ${agreement.accuracy.int8}`);
    assert.ok(latencyMs.float > 0 && latencyMs.int8 > 0);
    assert.equal(await page.locator('#layer-table tbody tr').count(), report.layers.length);
    assert.equal(await page.locator('#cards li').count(), 6);
  });
});

test('dark and narrow screens', async () => {
  await visit({ colorScheme: 'dark' }, async ({ page }) => {
    await runExample(page);
    await keepShot(page, 'report-dark');
  });
  await visit({ viewport: { width: 390, height: 844 }, hasTouch: true }, async ({ page }) => {
    await keepShot(page, 'start-mobile');
    await runExample(page);
    await keepShot(page, 'report-mobile');
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`);
  });
});

type Pair = readonly [number, number];

/** Draws through points given in shares of the board. */
async function draw(page: Page, points: readonly Pair[]): Promise<void> {
  await page.click('#clear-board');
  const board = page.locator('canvas.board');
  await board.scrollIntoViewIfNeeded();
  const box = (await board.boundingBox())!;
  const at = ([x, y]: Pair) => [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(points[0]!));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 4 });
  await page.mouse.up();
}

async function verdict(page: Page): Promise<(string | null)[]> {
  const shown = page.locator('#verdict output');
  await shown.nth(1).waitFor();
  await page.waitForTimeout(300); // the last bit of stroke is at work
  return shown.evaluateAll((all) => all.map((one) => one.textContent));
}

/** Part of an ellipse, in degrees from the right, clockwise. */
function arc([x, y]: Pair, [width, height]: Pair, [from, to]: Pair): Pair[] {
  return Array.from({ length: 25 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / 24) * Math.PI) / 180;
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)];
  });
}

const kZero = arc([0.5, 0.5], [0.2, 0.34], [0, 360]);
const kThree = [
  ...arc([0.47, 0.33], [0.2, 0.17], [200, 450]),
  ...arc([0.47, 0.67], [0.22, 0.18], [270, 500]),
];

test('a drawn digit is read by both models', async () => {
  await visit({}, async ({ page }) => {
    await runExample(page);
    await draw(page, kZero);
    assert.deepEqual(await verdict(page), ['0', '0']);
    await draw(page, kThree);
    assert.deepEqual(await verdict(page), ['3', '3']);
    await keepShot(page, 'drawn-three');
  });
});

test('once ready, the page works with the network cut', async () => {
  await visit({}, async ({ page, context }) => {
    await context.setOffline(true);
    await runExample(page);
    await page.selectOption('[name=format]', 'qoperator');
    await page.selectOption('[name=weights]', 'tensor');
    await page.click('#run');
    await finished(page);
    const model = await savedFile(page, 'Download int8 model');
    assert.ok(model.bytes.includes('QLinearConv'), 'a QOperator file');
  });
});

test('a layer kept float is float in the next run; the keyboard is enough', async () => {
  await visit({}, async ({ page }) => {
    await page.focus('#example');
    await page.keyboard.press('Enter');
    await finished(page);
    const gemm = page.locator('#layer-table tbody tr', { hasText: 'Gemm' });
    assert.match(await gemm.innerText(), /int8/);
    await gemm.getByRole('button').focus();
    await page.keyboard.press('Space');
    await page.focus('#run');
    await page.keyboard.press('Enter');
    await finished(page);
    assert.match(await gemm.locator('.kind').innerText(), /float/);
    // Sorting by SQNR: the first click puts the least at the top, the second the best.
    const sort = page.locator('#layer-table thead').getByRole('button', { name: 'SQNR' });
    await sort.click();
    const first = () => page.locator('#layer-table tbody tr').first().innerText();
    const [worst] = [await first(), await sort.click()];
    assert.notEqual(worst, await first());
  });
});

test('the mode auto says what it chose for each layer', async () => {
  await visit({}, async ({ page }) => {
    await page.selectOption('[name=mode]', 'auto');
    assert.equal(await page.locator('#backend').isVisible(), false);
    const words = async (budget: string) => {
      await page.fill('[name=accuracyBudget]', budget);
      await runExample(page);
      return page.locator('#layer-table .kind').allInnerTexts();
    };
    const generous = await words('100');
    assert.ok(generous.includes('turbo') && !generous.includes('exact8'), `${generous}`);
    assert.match(await page.locator('#auto').innerText(), /turbo kernels for every layer/);
    await page.getByText('The same from a shell').click();
    assert.match(await page.locator('#command').innerText(), /--mode auto --accuracy-budget 100/);
    const strict = await words('0');
    const { bytes } = await savedFile(page, 'Report as JSON');
    const { exact, layers } = JSON.parse(bytes.toString()) as Report;
    assert.ok(exact!.length > 0);
    layers.forEach(({ node, int8, macs }, i) => {
      const chosen = exact!.includes(node) ? 'exact8' : 'turbo';
      assert.equal(strict[i], int8 && macs ? chosen : int8 ? 'int8' : 'float', node);
    });
    await keepShot(page, 'auto');
    await page.selectOption('[name=mode]', 'static');
    await page.click('#run');
    await finished(page);
    assert.equal(await page.locator('#auto').count(), 0);
  });
});
