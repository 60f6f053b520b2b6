// docs/OPERATORS.md from the table of operators and the types that they accepted.
import type { OperatorInfo } from '../../bindings/js/types.ts';
import { kTypeNames } from './operator_types.ts';

const kDomains = [
  ['', 'ONNX', "Operators of ONNX's own domain."],
  ['com.microsoft', 'com.microsoft', "Operators of ONNX Runtime's domain."],
  [
    'eightfold',
    'eightfold',
    `Operators of Eightfold's own domain: what fusing and lowering make. No file holds them: saving writes each as its
namesake of the other domains with what was fused into it as nodes of their own.`,
  ],
] as const;

const kGroups: [string, string[]][] = [
  ['all numbers', kTypeNames.filter((name) => name !== 'bool')],
  ['all floats', ['float32', 'float64', 'float16']],
  ['all integers', ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64']],
];

/** Types with groups of them named as one. */
function typesText(types: readonly string[] | undefined): string {
  if (!types) return '-';
  let rest = [...types];
  const parts: string[] = [];
  for (const [name, group] of kGroups) {
    if (!group.every((type) => rest.includes(type))) continue;
    parts.push(name);
    rest = rest.filter((type) => !group.includes(type));
  }
  return [...parts, ...rest].join(', ');
}

const nameOf = ({ domain, opType }: { domain: string; opType: string }) =>
  domain && domain !== 'com.microsoft' ? `${domain}:${opType}` : opType;

function opsetsText({ since, until }: OperatorInfo): string {
  if (until === null) return `${since}+`;
  return since === until ? String(since) : `${since} to ${until}`;
}

function int8Text(row: OperatorInfo): string {
  if (!row.int8) return '-';
  return row.int8.opType === row.opType && row.int8.domain === row.domain
    ? 'itself'
    : nameOf(row.int8);
}

function observationText({ observation: { kind, scale, zeroPoint } }: OperatorInfo): string {
  if (kind === 'same') return "its input's";
  if (kind === 'different') return 'its own';
  if (kind === 'none') return 'none';
  const inverse = Math.round(1 / scale!);
  return `fixed: scale 1/${inverse}, zero point ${zeroPoint}`;
}

/** The operators of plain ONNX that a row is saved as. */
function exportText(row: OperatorInfo, all: readonly OperatorInfo[]): string {
  if (row.domain !== 'eightfold') return 'itself';
  const twin = all.find(({ domain, opType }) => domain !== 'eightfold' && opType === row.opType);
  return twin ? `${nameOf(twin)}, then its activation or clamp` : 'its parts';
}

function tableOf(
  domain: string,
  rows: readonly OperatorInfo[],
  types: readonly (readonly string[] | undefined)[],
): string {
  const lines = rows.flatMap((row, i) => {
    if (row.domain !== domain) return [];
    const cells = [
      row.opType,
      opsetsText(row),
      typesText(types[i]),
      int8Text(row),
      observationText(row),
      exportText(row, rows),
    ];
    return [`| ${cells.join(' | ')} |`];
  });
  return [
    '| op | opsets | types of its first input | on int8 data | range of its output | saved as |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

export function operatorsPage(
  rows: readonly OperatorInfo[],
  types: readonly (readonly string[] | undefined)[],
): string {
  const sections = kDomains.map(
    ([domain, title, what]) => `## ${title}\n\n${what}\n\n${tableOf(domain, rows, types)}\n`,
  );
  return [
    '# Operators',
    '',
    '<!-- Written by `npm run operators`; do not edit. -->',
    '',
    `The ${rows.length} rows of the table of operators: what runs, in float and on int8 data. All of them run in float`,
    'or on the types they are made for; a model with others loads, is inspected and exported, and fails when it is run.',
    '',
    '- *opsets*: versions of the domain. Older forms of an operator are brought up to these when a model is prepared.',
    '- *types of its first input*: those that a case of the ONNX operator suite ran with when its input was changed to',
    '  them; `-` where the suite has no case that tells. bfloat16, 4-bit types and strings are not asked for.',
    '- *on int8 data*: the operator that takes its place in a lowered model; `itself` for one that takes such data as it',
    '  is; `-` for one that runs in float between a dequantize and a quantize.',
    '- *range of its output*: what calibration observes.',
    '',
    ...sections,
  ].join('\n');
}
