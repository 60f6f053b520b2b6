// Opens the built page in the system's Chromium, served with the strict Content-Security-Policy. Whatever the page
// complains about (console, uncaught errors, CSP violations, failed requests) is collected and must be nothing.
import { existsSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { serve } from '../../../scripts/lib/serve.mjs';

export const kRoot = fileURLToPath(new URL('../../..', import.meta.url));
export const kExample = join(kRoot, 'examples/digits');
const kDist = join(kRoot, 'web/dist');
const kShots = join(kRoot, 'build/page');
const kTimeoutMs = 60_000;
const kFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Visit {
  page: Page;
  context: BrowserContext;
  complaints: string[];
  close(): Promise<void>;
}

export interface Stage {
  visit(options?: Parameters<Browser['newContext']>[0]): Promise<Visit>;
  close(): Promise<void>;
}

function listen(page: Page, complaints: string[]): void {
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request) => complaints.push(`request failed: ${request.url()}`));
}

/** The browser and the server, shared by the tests of one file. */
export async function openStage(options: Parameters<typeof serve>[1] = {}): Promise<Stage> {
  if (!existsSync(join(kDist, 'index.html'))) throw new Error('no web/dist: run `npm run build`');
  const server = await serve(kDist, options);
  const executablePath = process.env.EIGHTFOLD_CHROMIUM || '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: kFlags });
  const visit: Stage['visit'] = async (options = {}) => {
    const context = await browser.newContext({
      viewport: { width: 1200, height: 900 },
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(kTimeoutMs);
    const complaints: string[] = [];
    listen(page, complaints);
    await page.goto(server.url);
    await page.waitForSelector('#ready[data-state=ready]');
    return { page, context, complaints, close: () => context.close() };
  };
  const close = async () => {
    await browser.close();
    await server.close();
  };
  return { visit, close };
}

/** Keeps a picture of the whole page as a build artifact. */
export async function keepShot(page: Page, name: string): Promise<void> {
  mkdirSync(kShots, { recursive: true });
  await page.screenshot({ path: join(kShots, `${name}.png`), fullPage: true });
}

/** Presses the example button and waits for the report of this run. */
export async function runExample(page: Page): Promise<void> {
  await page.click('#example');
  await finished(page);
}

/** Waits until the page has ended what it was doing, well. */
export async function finished(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const text = document.getElementById('status')?.textContent;
    const failed = document.getElementById('problem')?.hidden === false;
    return text === 'Done.' || failed;
  });
  const problem = page.locator('#problem');
  if (await problem.isVisible()) throw new Error(await problem.innerText());
}

/** The file behind a download link. */
export async function savedFile(
  page: Page,
  label: string,
): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: label }).click(),
  ]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** Puts one file on the page as a drop would. */
export async function dropFile(page: Page, name: string, content: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([title, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(bytes)], title));
      return data;
    },
    [name, [...content]] as const,
  );
  await page.dispatchEvent('#drop', 'drop', { dataTransfer: transfer });
}
