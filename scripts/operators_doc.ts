// Writes docs/OPERATORS.md from the built package's table of operators (`npm run operators`).
// With --check it writes nothing and fails when the page differs from what the code says now.
import { readFileSync, writeFileSync } from 'node:fs';
import { haveData, kNoData } from '../tests/accuracy/data.ts';
import { eightfold, inRoot } from '../tests/node/support/eightfold.ts';
import { acceptedTypes } from './lib/operator_types.ts';
import { operatorsPage } from './lib/operators_page.ts';

const kPage = inRoot('docs/OPERATORS.md');

if (!haveData()) {
  console.error(kNoData);
} else {
  const rows = await eightfold.operators();
  const text = operatorsPage(rows, await acceptedTypes(rows));
  if (!process.argv.includes('--check')) {
    writeFileSync(kPage, text);
  } else if (text !== readFileSync(kPage, 'utf8')) {
    console.error('docs/OPERATORS.md is not what the code says now: run `npm run operators`');
    process.exitCode = 1;
  }
}
