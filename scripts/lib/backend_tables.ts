// The presets as tables for a reader, from their JSON; see ../backends_doc.ts.

type DType = string | ({ dtype?: string } & Constraints);
interface Constraints {
  quantMinLowerBound?: number;
  quantMaxUpperBound?: number;
  scaleMinLowerBound?: number;
  scaleExactMatch?: number;
  zeroPointExactMatch?: number;
  boundedSum?: { group: number; limit: number };
}
interface DTypes {
  inputDtype?: DType;
  outputDtype?: DType;
  weightDtype?: DType;
  biasDtype?: string;
  isDynamic?: boolean;
}
type Nested = string | { constant: unknown } | Nested[];
interface GraphNode {
  op?: string | string[];
  attributes?: Record<string, unknown>;
}
interface Row {
  pattern?: string | string[];
  patternComplexFormat?: Nested;
  patternGraph?: { nodes: Record<string, GraphNode>; outputs: string[] };
  observationType: string;
  dtypeConfigs: DTypes[];
  fuserMethod?: string;
  fusedModule?: string;
  qatModule?: string;
  numTensorArgsToObservationType?: Record<string, string>;
  quantizeWhen?: string;
}
export interface Preset {
  name?: string;
  configs?: Row[];
}

/** The words of src/quant/backends_dtypes.h: input / output / weight / bias -> word. */
const kWords: Record<string, string> = {
  'uint8/uint8/int8/float32': 'W8',
  'uint8/uint8/-/-': 'D8',
  'int8/int8/int8/float32': 'I8',
  'int8/int8/-/-': 'DI8',
  'uint8/float32/int8/float32 dynamic': 'DYN8',
  'float16/float32/float16/float32 dynamic': 'DYN16',
  'float16/float16/float16/float16': 'F16',
  'float32/float32/uint8/-': 'WO8',
  'float32/float32/uint4/-': 'WO4',
  'float32/float32/int8/-': 'WOI8',
  'uint8/uint8/float32/float32': 'IO8',
  'int8 fine/int8 fine/int8 -127..127 fine/float32': 'QS8',
  'int8 fine/int8 fine/-/-': 'DS8',
  'int8 fine/float32/int8 -127..127 fine/float32 dynamic': 'DYNS8',
  'uint8/uint8/int8 sums of 2 in 128/float32': 'PAIR8',
  'int8/int8/int8 sums of 2 in 128/float32': 'PAIRI8',
  'uint8 0..127/uint8 0..127/int8 sums of 4 in 258/float32': 'QUAD7',
  'uint8 0..127/uint8 0..127/-/-': 'D7',
};

const kMeanings: [string, string][] = [
  ['W8, D8', 'uint8 activations with an int8 weight; without a weight'],
  ['I8, DI8', 'the same with int8 activations'],
  ['DYN8, DYN16', 'parameters chosen in each run, float output: uint8 with int8 weights; float16'],
  ['F16', 'weights stored as float16'],
  ['WO8, WO4, WOI8', 'the weight alone: uint8, uint4, int8'],
  ['IO8', 'uint8 activations, float weight'],
  [
    'QS8, DS8, DYNS8',
    'int8, scales of 1/4096 or more, weights in -127..127: with a weight, without, dynamic',
  ],
  ['PAIR8, PAIRI8', 'W8, I8 whose weights in each pair add up to at most 128, either sign'],
  ['QUAD7, D7', 'uint8 in 0..127, weights of each four within 258; without a weight'],
  ['= 1/256, 0', 'a scale and a zero point that are fixed, where the dtype is uint8'],
];

const kFineScale = 2 ** -12;

function dtypeText(given: DType | undefined): string {
  if (given === undefined) return '-';
  if (typeof given === 'string') return given;
  const parts = [given.dtype ?? '-'];
  const { quantMinLowerBound, quantMaxUpperBound, boundedSum } = given;
  // A fixed scale comes with the whole range.
  if (quantMinLowerBound !== undefined && given.scaleExactMatch === undefined) {
    parts.push(`${quantMinLowerBound}..${quantMaxUpperBound}`);
  }
  if (given.scaleMinLowerBound !== undefined) {
    parts.push(given.scaleMinLowerBound === kFineScale ? 'fine' : `>= ${given.scaleMinLowerBound}`);
  }
  if (boundedSum) parts.push(`sums of ${boundedSum.group} in ${boundedSum.limit}`);
  return parts.join(' ');
}

function wordOf(dtypes: DTypes): string {
  const { inputDtype, outputDtype, weightDtype, biasDtype, isDynamic } = dtypes;
  const text =
    [inputDtype, outputDtype, weightDtype, biasDtype].map(dtypeText).join('/') +
    (isDynamic ? ' dynamic' : '');
  const word = kWords[text];
  if (!word) throw new Error(`no word for the dtypes ${text}: add one to kWords`);
  if (typeof inputDtype !== 'object' || inputDtype.scaleExactMatch === undefined) return word;
  return `${word} = ${inputDtype.scaleExactMatch * 256}/256, ${inputDtype.zeroPointExactMatch}`;
}

function nestedText(pattern: Nested): string {
  if (typeof pattern === 'string') return pattern === 'MatchAllNode' ? '*' : pattern;
  if (Array.isArray(pattern)) return `(${pattern.map(nestedText).join(', ')})`;
  return 'constant';
}

function nodeText(node: GraphNode): string {
  const ops = [node.op ?? '*'].flat().join(' or ');
  const conditions = Object.entries(node.attributes ?? {}).map(([name, value]) => {
    const values = [value].flat().map((v) => v ?? 'absent');
    return `${name} ${values.join(' or ')}`;
  });
  return conditions.length > 0 ? `${ops} with ${conditions.join(', ')}` : ops;
}

function patternText(row: Row): string {
  if (row.pattern) return [row.pattern].flat().join(' > ');
  if (row.patternComplexFormat) return nestedText(row.patternComplexFormat);
  return Object.values(row.patternGraph?.nodes ?? {})
    .map(nodeText)
    .join('; ');
}

const kObservations: Record<string, string> = {
  OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT: 'its own',
  OUTPUT_SHARE_OBSERVER_WITH_INPUT: "the input's",
  INPUT_OUTPUT_NOT_OBSERVED: 'none',
};
const kWhen: Record<string, string> = {
  input_quantized: 'after integers',
  between_quantized: 'between integers',
  dynamic_alone: 'by each run where alone',
};

function cells(row: Row): string[] {
  const dtypes = row.dtypeConfigs.map(wordOf).join(', ');
  const byTensors = row.numTensorArgsToObservationType ? "; the input's beside a scalar" : '';
  const observer = dtypes ? `${kObservations[row.observationType]}${byTensors}` : '';
  const when = row.quantizeWhen ? `, ${kWhen[row.quantizeWhen] ?? row.quantizeWhen}` : '';
  const module = row.fusedModule ? ` -> ${row.fusedModule}` : '';
  const fuser = row.fuserMethod ? `${row.fuserMethod}${module}` : '';
  return [`${dtypes}${when}`, observer, fuser, row.qatModule ?? ''];
}

const code = (text: string) => (text ? `\`${text}\`` : '');

/** Rows that say the same are one. */
function table(rows: Row[]): string {
  const groups = new Map<string, { patterns: string[]; cells: string[] }>();
  for (const row of rows) {
    const key = JSON.stringify(cells(row));
    const group = groups.get(key) ?? { patterns: [], cells: cells(row) };
    group.patterns.push(code(patternText(row)));
    groups.set(key, group);
  }
  const lines = [...groups.values()].map(({ patterns, cells: [dtypes, observer, fuser, qat] }) =>
    [patterns.join(', '), dtypes, observer, code(fuser ?? ''), code(qat ?? '')].join(' | '),
  );
  return [
    '| pattern | dtypes | output observer | fused by | in training |',
    '| --- | --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}

export function backendTables(presets: Preset[]): string {
  const sections = presets.map(({ name, configs = [] }) => `## ${name}\n\n${table(configs)}\n`);
  return [
    '# What each preset can do',
    '',
    '<!-- Written by `npm run backends`; do not edit. -->',
    '',
    'The presets of `backend(name)`, row by row; the tables themselves are in',
    '[src/quant](../src/quant/backends.cpp). A pattern `A > B` reads "A feeds B"; in `(B, *, A)` the',
    'consumer comes first and `*` is anything. Dtypes are in order of preference; a row without dtypes',
    'fuses, and quantizes nothing by itself. "After integers" and "between integers": only where',
    'neighbours run on integers anyway.',
    '',
    '| dtypes | meaning |',
    '| --- | --- |',
    ...kMeanings.map(([words, meaning]) => `| ${words} | ${meaning} |`),
    '',
    ...sections,
  ].join('\n');
}
