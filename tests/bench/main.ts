// npm run bench [-- --only NAME]... [--section KEY]... [--rounds N] [--json FILE] [--no-write]
// Times layers and the models of the shared data, prints each row as it is done, writes build/bench.json and, when nothing
// was left out by an option, docs/BENCHMARKS.md. Exit code 2 on wrong usage. Nothing here judges a time.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { haveData, kDataFolder, kNoData } from '../accuracy/data.ts';
import { eightfold, inRoot } from '../node/support/eightfold.ts';
import { benchmarksJson, benchmarksPage, cellText, conditions, summary } from './page.ts';
import { reasonOf, type Section, type Table } from './section.ts';
import { kSections } from './sections.ts';

const kLeastRounds = 9;
const kRounds = 11;

interface Task {
  only: readonly string[];
  sections: readonly Section[];
  rounds: number;
  json: string;
  write: boolean;
}

function chosen<T>(given: readonly string[], all: readonly T[], nameOf: (one: T) => string): T[] {
  for (const name of given) {
    if (all.some((one) => nameOf(one) === name)) continue;
    throw new Error(`no '${name}'; there are ${all.map(nameOf).join(', ')}`);
  }
  return all.filter((one) => !given.length || given.includes(nameOf(one)));
}

function readTask(): Task {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      section: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: String(kRounds) },
      json: { type: 'string', default: inRoot('build/bench.json') },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds);
  if (!(rounds >= kLeastRounds)) throw new Error(`--rounds is ${kLeastRounds} or more`);
  return {
    only: chosen(
      values.only,
      kSections.flatMap(({ names }) => names),
      (name) => name,
    ),
    sections: chosen(values.section, kSections, ({ key }) => key),
    rounds,
    json: resolve(values.json),
    write: !values['no-write'] && haveData() && !values.only.length && !values.section.length,
  };
}

async function measureSection(section: Section, { only, rounds }: Task): Promise<Table> {
  const table: Table = { section, rows: [], skipped: [] };
  console.log(`\n${section.title}: ${section.columns.join(', ')}`);
  for (const name of section.names) {
    if (!only.includes(name)) continue;
    try {
      const cells = await section.row(name, rounds);
      table.rows.push({ name, cells });
      console.log(`  ${name}: ${cells.map(cellText).join(', ')}`);
    } catch (error) {
      table.skipped.push({ name, reason: reasonOf(error) });
      console.log(`  ${name}: skipped: ${reasonOf(error)}`);
    }
  }
  console.log(`  ${summary(table)}`);
  return table;
}

async function main(task: Task): Promise<void> {
  // As many threads as the peer.
  const { variant, isa } = (await eightfold.init({ threads: 1 })).build;
  const about = conditions(`the ${variant} build, ${isa} kernels`, task.rounds);
  console.log(Object.values(about).join('\n'));
  const tables: Table[] = [];
  for (const section of task.sections) tables.push(await measureSection(section, task));
  mkdirSync(dirname(task.json), { recursive: true });
  writeFileSync(task.json, benchmarksJson(about, tables));
  console.log(`\nwrote ${task.json}`);
  if (!task.write) return;
  writeFileSync(inRoot('docs/BENCHMARKS.md'), benchmarksPage(about, tables));
  console.log('wrote docs/BENCHMARKS.md');
}

let task: Task | undefined;
try {
  task = readTask();
} catch (error) {
  console.error(reasonOf(error));
  process.exitCode = 2;
}
if (!haveData()) console.log(`models skipped: ${kNoData}; looked in ${kDataFolder}`);
if (task) await main(task);
