// docs/BENCHMARKS.md, the terminal's tables and the JSON, from what was measured.
import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { spread } from '../../bindings/js/cli/rounds.ts';
import { inRoot } from '../node/support/eightfold.ts';
import type { Cell, Table } from './section.ts';

export interface Conditions {
  machine: string;
  engine: string;
  peer: string;
  build: string;
  rounds: number;
}

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(inRoot('node_modules', name, 'package.json'), 'utf8')).version;

/** The class of the machine, and nothing that names it. */
export function conditions(build: string, rounds: number): Conditions {
  const list = cpus();
  const model = list[0]?.model.trim().replace(/\s+/g, ' ') ?? 'unknown';
  return {
    machine: `${model} (${arch()}), ${list.length} logical cores, one thread used`,
    engine: `Node ${process.versions.node} (V8 ${process.versions.v8})`,
    peer: `onnxruntime-web ${versionOf('onnxruntime-web')}, wasm backend, one thread`,
    build,
    rounds,
  };
}

const ms = (value: number) => value.toFixed(value < 10 ? 3 : 1);

export function cellText(cell: Cell): string {
  if (cell === undefined) return '-';
  if (typeof cell === 'string') return cell;
  if ('rate' in cell) return cell.rate.median.toFixed(1);
  if ('ms' in cell) return `${ms(cell.ms.median)} ms`;
  const [mid, low, high] = [cell.ratio.median, cell.ratio.low, cell.ratio.high].map((value) =>
    value.toFixed(2),
  );
  return `${mid} (${low} to ${high})`;
}

/** Median, least and number of the ratios that the section is judged by. */
export function summary({ section, rows }: Table): string {
  const ratios = rows.flatMap(({ cells }) => {
    const cell = cells[section.judged];
    return typeof cell === 'object' && 'ratio' in cell ? [cell.ratio.median] : [];
  });
  if (!ratios.length) return 'No ratio.';
  const title = section.columns[section.judged]!;
  const [median, least] = [spread(ratios).median, Math.min(...ratios)].map((v) => v.toFixed(2));
  return `Column "${title}": median ${median}, least ${least}, over ${ratios.length} ${section.what}s.`;
}

function markdown(table: Table): string {
  const { section, rows, skipped } = table;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const head = [section.what, ...section.columns];
  const body = rows.map(({ name, cells }) => line([name, ...cells.map(cellText)]));
  const left = skipped.map(({ name, reason }) => `- ${name}: ${reason.replaceAll('|', '\\|')}`);
  return [
    `## ${section.title}`,
    '',
    section.note,
    '',
    line(head),
    line(head.map(() => '---')),
    ...body,
    '',
    summary(table),
    ...(left.length ? ['', 'Not measured:', '', ...left] : []),
    '',
  ].join('\n');
}

export function benchmarksPage(about: Conditions, tables: readonly Table[]): string {
  return [
    '# Benchmarks',
    '',
    '<!-- Written by `npm run bench`; do not edit. -->',
    '',
    'All engines of a row run in one process in turns; a time is the median over the rounds, and a ratio is taken',
    'within each round: median (10 % to 90 %). Above 1 Eightfold is the faster one. Figures move with the machine,',
    'its load and the engine: run it on your own.',
    '',
    `- machine: ${about.machine}`,
    `- engine: ${about.engine}`,
    `- peer: ${about.peer}`,
    `- Eightfold: ${about.build}`,
    `- rounds: ${about.rounds}`,
    '',
    ...tables.map(markdown),
  ].join('\n');
}

export function benchmarksJson(about: Conditions, tables: readonly Table[]): string {
  const sections = tables.map(({ section, rows, skipped }) => ({
    key: section.key,
    columns: section.columns,
    rows,
    skipped,
  }));
  return `${JSON.stringify({ ...about, sections }, null, 2)}\n`;
}
