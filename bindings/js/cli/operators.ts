// eightfold operators [--json]
import { init } from '../index.ts';
import { print, printJson, table } from './text.ts';

const nameOf = ({ domain, opType }: { domain: string; opType: string }) =>
  domain ? `${domain}:${opType}` : opType;

export async function listOperators({ json }: { json?: boolean }): Promise<void> {
  const rows = await (await init()).operators();
  if (json) return printJson(rows);
  const cells = rows.map((row) => [
    nameOf(row),
    row.until === null ? `${row.since}+` : `${row.since}-${row.until}`,
    row.int8 ? nameOf(row.int8) : '',
  ]);
  print(table(['operator', 'opsets', 'on int8 data'], cells));
}
