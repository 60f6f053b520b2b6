// docs/RESULTS.md and the lines on the terminal, from measurements alone.
import type { FloatRun, Int8Run } from './measure.ts';

export interface Measured {
  readonly float: FloatRun;
  readonly int8: readonly Int8Run[];
}

function number(value: number | undefined): string {
  if (value === undefined) return '-';
  if (!Number.isFinite(value)) return value > 0 ? 'exact' : String(value);
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 3 : 2);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function figureTable(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ float, int8 }) =>
    int8.flatMap(({ format, figures }) =>
      Object.entries(float.figures).map(([name, value]) => [
        float.row.name,
        format,
        name,
        number(value),
        number(figures.eightfold?.[name]),
        number(figures['onnxruntime-web']?.[name]),
      ]),
    ),
  );
  return table(
    ['model', 'format', 'figure', 'float', 'int8, Eightfold', 'int8, onnxruntime-web'],
    rows,
  );
}

function sizeTable(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ float, int8 }) =>
    int8.map(({ format, bytes, share, sqnr }) => [
      float.row.name,
      format,
      share.toFixed(1),
      Object.values(sqnr).map(number).join(', ') || '-',
      String(float.model.length),
      String(bytes),
      `${((100 * bytes) / float.model.length).toFixed(1)} %`,
    ]),
  );
  return table(
    [
      'model',
      'format',
      'MACs in int8, %',
      'SQNR of the outputs, dB',
      'float bytes',
      'int8 bytes',
      'share',
    ],
    rows,
  );
}

function boundTable(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ float, int8 }) =>
    int8.flatMap(({ format, verdicts }) =>
      verdicts.map(({ where, what, value, bound, ok }) => [
        float.row.name,
        format,
        where,
        what,
        number(value),
        bound,
        ok ? 'holds' : '**fails**',
      ]),
    ),
  );
  return table(['model', 'format', 'where', 'what', 'value', 'bound', ''], rows);
}

function floatLayers(measured: readonly Measured[]): string {
  const rows = measured.flatMap(({ float, int8 }) =>
    int8.flatMap(({ format, layers }) =>
      layers
        .filter((layer) => !layer.int8)
        .map(({ node, opType, macs, reason }) => [
          float.row.name,
          format,
          node,
          opType,
          String(macs),
          reason ?? '-',
        ]),
    ),
  );
  if (rows.length === 0) return 'None: every layer runs in int8.';
  return table(['model', 'format', 'node', 'op', 'MACs', 'reason'], rows);
}

export function resultsPage(measured: readonly Measured[]): string {
  return `# Results

Written by \`npm run accuracy\`; do not edit. Each model was quantized with Eightfold's defaults and the
calibration set of its row in \`tests/accuracy/models.ts\`. Float figures are onnxruntime-web's; int8 figures
are of the same quantized file on Eightfold's Session and on onnxruntime-web.

## Accuracy

${figureTable(measured)}

## Integers, noise and size

${sizeTable(measured)}

## Bounds

The same bounds are asserted by \`npm test\`.

${boundTable(measured)}

## Layers left in float

${floatLayers(measured)}
`;
}

/** What the terminal shows of one model as soon as it is measured. */
export function summary({ float, int8 }: Measured): string {
  const figures = Object.entries(float.figures).map(([name, value]) => {
    const runs = int8.flatMap((run) =>
      Object.entries(run.figures).map(
        ([where, got]) => `${number(got[name])} (${run.format}, ${where})`,
      ),
    );
    return `  ${name}: float ${number(value)}${runs.length > 0 ? `, int8 ${runs.join(', ')}` : ''}`;
  });
  const verdicts = [
    ...float.quoted.map((verdict) => ({ ...verdict, where: 'harness' })),
    ...int8.flatMap(({ format, verdicts }) =>
      verdicts.map((verdict) => ({ ...verdict, where: `${format}, ${verdict.where}` })),
    ),
  ].map(
    ({ where, what, value, bound, ok }) =>
      `  ${ok ? 'ok  ' : 'FAIL'} ${where}: ${what} = ${number(value)} (${bound})`,
  );
  return [float.row.name, ...figures, ...verdicts].join('\n');
}
