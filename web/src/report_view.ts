// The report: cards, outputs, layers, remarks, and the two files to download.
import type { Report } from '../../bindings/js/types.ts';
import { autoLine, runsAs } from './auto_view.ts';
import { cardItems } from './cards.ts';
import { commandLine, speechLine } from './command.ts';
import { byId, h, show } from './dom.ts';
import { decibels, percent } from './format.ts';
import type { Outcome } from './job.ts';
import { type LayerTable, layerTable } from './layer_table.ts';

function table(id: string, title: string, columns: string[], rows: string[][]): HTMLElement {
  const head = h('tr', {}, ...columns.map((column) => h('th', { scope: 'col' }, column)));
  const body = rows.map((cells) =>
    h(
      'tr',
      {},
      ...cells.map((cell, i) =>
        h(i ? 'td' : 'th', { scope: i ? undefined : 'row', class: i ? undefined : 'name' }, cell),
      ),
    ),
  );
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': title },
    h('table', { id }, h('caption', {}, title), h('thead', {}, head), h('tbody', {}, ...body)),
  );
}

function outputTable({ outputs }: Report): HTMLElement {
  const rows = outputs.map(({ name, sqnr, maxAbsError, argmaxAgreement }) => [
    name,
    decibels(sqnr),
    maxAbsError?.toPrecision(3) ?? '-',
    percent(argmaxAgreement ?? Number.NaN),
  ]);
  const columns = ['Output', 'SQNR', 'Largest error', 'Same best class'];
  return table('output-table', 'Outputs, on the compared samples', columns, rows);
}

function remarkTable({ remarks }: Report): HTMLElement | string {
  if (remarks.length === 0) return '';
  const rows = remarks.map(({ node, opType, kind, reason }) => [node, opType, kind, reason]);
  const title = `${rows.length} remark${rows.length > 1 ? 's' : ''}: what was fused, what stays float and why`;
  const columns = ['Node', 'Operator', 'Kind', 'Reason'];
  return h('details', {}, h('summary', {}, title), table('remark-table', 'Remarks', columns, rows));
}

const addresses: string[] = [];

/** A link that saves a file. Its address lives until the next report takes its place. */
function download(label: string, name: string, file: Blob): HTMLElement {
  const href = URL.createObjectURL(file);
  addresses.push(href);
  return h('a', { class: 'button', href, download: name }, label);
}

function heardOf({ stream, heard }: Outcome) {
  if (!stream || !heard) return undefined;
  return { ...heard, float: Array.from(stream.float), int8: Array.from(heard.int8) };
}

function reportFile(outcome: Outcome): string {
  const { name, options, report, latency, agreement } = outcome;
  const measured = { latencyMs: latency, agreement, stream: heardOf(outcome) };
  return `${JSON.stringify({ model: name, options, ...report, measured }, null, 2)}\n`;
}

function downloads(outcome: Outcome): HTMLElement[] {
  for (const address of addresses.splice(0)) URL.revokeObjectURL(address);
  const stem = outcome.name.replace(/\.onnx$/i, '');
  const report = new Blob([reportFile(outcome)], { type: 'application/json' });
  return [
    download('Download int8 model', `${stem}-int8.onnx`, new Blob([outcome.model])),
    download('Report as JSON', `${stem}-int8.json`, report),
  ];
}

export function showReport(outcome: Outcome, choices: Omit<LayerTable, 'layers' | 'runsAs'>): void {
  const { report } = outcome;
  byId('cards').replaceChildren(...cardItems(outcome));
  byId('outputs').replaceChildren(outputTable(report));
  const layers = layerTable({ layers: report.layers, runsAs: runsAs(report), ...choices });
  const chosen = autoLine(outcome);
  byId('layers').replaceChildren(...(chosen ? [h('p', { id: 'auto' }, chosen)] : []), layers);
  byId('remarks').replaceChildren(remarkTable(report));
  byId('command').textContent = outcome.stream ? speechLine(outcome) : commandLine(outcome);
  byId('downloads').replaceChildren(...downloads(outcome));
  show(byId('report'), true);
}
