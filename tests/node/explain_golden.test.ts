// Every node that stays float says why, in the words of tests/golden/explain (make.ts there writes them).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { kSkipReason } from './support/models.ts';
import { goldens, linesOf, titleOf } from './support/reasons.ts';

/** What helps nobody: no words, one word, or the bare fact that something is not supported. */
function assertSaysWhy(reason: string, node: string): void {
  assert.ok(reason.split(' ').length > 2, `${node}: '${reason}'`);
  assert.doesNotMatch(reason, /^(is |it is )?(not supported|unsupported)\.?$/i, node);
}

function sectionsIn(file: string): Map<string, string[]> {
  const blocks = readFileSync(file, 'utf8').trimEnd().split('\n\n');
  return new Map(
    blocks.map((block) => block.split('\n')).map(([title, ...rest]) => [title!, rest]),
  );
}

for (const { file, sections } of await goldens()) {
  if (!sections) {
    test(`reasons of ${basename(file)}`, { skip: kSkipReason }, () => {});
    continue;
  }
  const wanted = sectionsIn(file);
  test(`${basename(file)} has a section for each model and backend`, () => {
    assert.deepEqual([...wanted.keys()], sections.map(titleOf));
  });
  for (const section of sections) {
    test(`why nodes of ${section.model} stay float with ${section.backend}`, async () => {
      const reasons = await section.reasons();
      for (const { node, reason } of reasons) assertSaysWhy(reason, node);
      assert.deepEqual(linesOf(reasons), wanted.get(titleOf(section)));
    });
  }
}
