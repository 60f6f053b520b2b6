// The example of the README runs as it is written there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { eightfold, inRoot } from './support/eightfold.ts';

// In the package's own folder, so that `eightfold` means this package; what it writes stays there.
const kFolder = inRoot('build/readme');

test('the example of the README', async () => {
  const example = /```js\n([\s\S]*?)```/.exec(readFileSync(inRoot('README.md'), 'utf8'))?.[1];
  assert.ok(example, 'README.md has no block of js');
  rmSync(kFolder, { recursive: true, force: true });
  mkdirSync(kFolder, { recursive: true });
  symlinkSync(inRoot('examples'), `${kFolder}/examples`);
  writeFileSync(`${kFolder}/example.mjs`, example);
  const options = { cwd: kFolder, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], options);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\d+ -> \d+ bytes/);
  const info = await eightfold.inspect(new Uint8Array(readFileSync(`${kFolder}/digits-int8.onnx`)));
  assert.equal(info.stage, 'quantized');
});
