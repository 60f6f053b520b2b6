// Writes docs/BACKEND_TABLES.md from the presets of the built package (`npm run backends`).
// With --check it writes nothing and fails when the page differs from what the code says now.
import { readFileSync, writeFileSync } from 'node:fs';
import { eightfold, inRoot } from '../tests/node/support/eightfold.ts';
import { backendTables, type Preset } from './lib/backend_tables.ts';

const kPage = inRoot('docs/BACKEND_TABLES.md');

const presets: Preset[] = [];
for (const name of await eightfold.backendNames()) {
  presets.push((await eightfold.backend(name)).toJSON() as Preset);
}
const text = backendTables(presets);
if (process.argv.includes('--check')) {
  if (text !== readFileSync(kPage, 'utf8')) {
    console.error('docs/BACKEND_TABLES.md is not what the code says now: run `npm run backends`');
    process.exitCode = 1;
  }
} else {
  writeFileSync(kPage, text);
}
