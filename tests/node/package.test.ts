// What the package promises: the list of errors, the build it picks, the bundled example.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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

test('the module comes from bytes, from an address, or compiled', async () => {
  const path = inRoot('dist/wasm/simd128/eightfold.wasm');
  const wasmBinary = new Uint8Array(readFileSync(path));
  const places = [
    { wasmBinary },
    { wasmUrl: pathToFileURL(path) },
    { wasmModule: await WebAssembly.compile(wasmBinary) },
  ];
  for (const place of places) {
    const instance = await eightfold.createInstance({ variant: 'simd128', ...place });
    assert.ok((await instance.backendNames()).length > 0);
    assert.ok((await instance.memory()).heapBytes > 0);
  }
});

test('the bundled example ends well and keeps its accuracy', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [inRoot('examples/digits/run.mjs')],
    { cwd: inRoot(), encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const [, before, after] = /accuracy\s+([\d.]+) %\s+([\d.]+) %/.exec(stdout) ?? [];
  assert.ok(Number(before) > 99 && Number(after) > 99, stdout);
  assert.ok(existsSync(inRoot('examples/digits/out/digits-int8.onnx')));
});
