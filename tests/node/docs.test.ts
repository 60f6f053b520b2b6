// Pages that a script writes say what the code does now.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { inRoot, kRoot } from './support/eightfold.ts';

test('docs/ROUTE.md is up to date', () => {
  const args = ['--import', 'tsx', inRoot('scripts/route.ts'), '--check'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: kRoot, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
