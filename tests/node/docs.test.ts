// Pages that a script writes say what the code does now.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { inRoot, kRoot } from './support/eightfold.ts';

for (const [page, script] of [
  ['docs/ROUTE.md', 'scripts/route.ts'],
  ['docs/BACKEND_TABLES.md', 'scripts/backends_doc.ts'],
  ['docs/OPERATORS.md', 'scripts/operators_doc.ts'],
] as const) {
  test(`${page} is up to date`, () => {
    const args = ['--import', 'tsx', inRoot(script), '--check'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: kRoot, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
}
