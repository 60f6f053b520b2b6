// What the package promises: the list of errors, the example of the README, the entries.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { eightfold, inRoot } from './support/eightfold.ts';

test('error_codes.ts is what its maker writes from the list of the core', async () => {
  const maker = await import(pathToFileURL(inRoot('bindings/make_error_codes.mjs')).href);
  assert.equal(readFileSync(inRoot('bindings/js/error_codes.ts'), 'utf8'), maker.errorCodesFile());
  assert.ok(Object.keys(eightfold.errorCodes).length > 10);
});

test('relaxed SIMD is found out by asking the engine', () => {
  assert.ok(['simd128', 'relaxed'].includes(eightfold.bestVariant()));
});

function runModule(path: string, env: Record<string, string> = {}) {
  return spawnSync(process.execPath, [path], {
    cwd: inRoot(),
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

test('the bundled example ends well and keeps its accuracy', () => {
  const { status, stdout, stderr } = runModule(inRoot('examples/digits/run.mjs'));
  assert.equal(status, 0, stderr);
  const [, before, after] = /accuracy\s+([\d.]+) %\s+([\d.]+) %/.exec(stdout) ?? [];
  assert.ok(Number(before) > 99 && Number(after) > 99, stdout);
  assert.ok(existsSync(inRoot('examples/digits/out/digits-int8.onnx')));
});

const readme = inRoot('README.md');
const example = existsSync(readme)
  ? /```(?:js|javascript|ts|typescript|mjs)\n([\s\S]*?)```/.exec(readFileSync(readme, 'utf8'))?.[1]
  : undefined;
const missing = example ? false : 'README.md has no code example yet';

test('the example of the README runs as it is', { skip: missing }, () => {
  const folder = inRoot('build/readme');
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/example.mjs`;
  writeFileSync(path, example!);
  const { status, stderr } = runModule(path);
  assert.equal(status, 0, stderr);
});
