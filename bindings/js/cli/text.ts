// What people read: tables on stdout, faults on stderr.
import { EightfoldError } from '../errors.ts';

export const print = (text: string): void => void process.stdout.write(`${text}\n`);

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** A fault with code, node and hint. */
export function complain(error: unknown): void {
  const lines = [error instanceof Error ? error.message : String(error)];
  if (error instanceof EightfoldError) {
    lines[0] = `error: ${error.code}: ${error.message}`;
    if (error.node || error.opType) lines.push(`  node: ${error.node} (${error.opType})`);
    if (error.hint) lines.push(`  hint: ${error.hint}`);
  }
  process.stderr.write(`${lines.join('\n')}\n`);
}

export type Cell = string | number | undefined;

const widthOf = (rows: readonly (readonly string[])[], column: number) =>
  Math.max(...rows.map((row) => row[column]!.length));

/** Columns under a header; numbers flush right. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [
    header,
    ...rows.map((row) => row.map((cell) => (cell === undefined ? '-' : String(cell)))),
  ];
  const isNumber = header.map((_, i) =>
    rows.every((row) => row[i] === undefined || /^[-\d.]/.test(String(row[i]))),
  );
  const widths = header.map((_, i) => widthOf(texts, i));
  const line = (row: readonly string[]) =>
    row
      .map((text, i) => (isNumber[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return texts.map(line).join('\n');
}

export const decibels = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value)
    ? '-'
    : value === Number.POSITIVE_INFINITY
      ? 'exact'
      : value.toFixed(1);

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
