// Writes own.txt and, where the test data is, data.txt:
//   node --import tsx tests/golden/explain/make.ts
// Read the difference: a reason is what a user gets to see.
import { writeFileSync } from 'node:fs';
import { goldens, linesOf, titleOf } from '../../node/support/reasons.ts';

for (const { file, sections } of await goldens()) {
  if (!sections) {
    console.log(`${file}: left as it is, for the test data is not there`);
    continue;
  }
  const blocks: string[] = [];
  for (const section of sections) {
    blocks.push([titleOf(section), ...linesOf(await section.reasons())].join('\n'));
  }
  writeFileSync(file, `${blocks.join('\n\n')}\n`);
}
