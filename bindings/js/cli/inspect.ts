// eightfold inspect MODEL [--backend NAME]
import { init } from '../index.ts';
import { readModelFile } from '../node/files.ts';
import type { ModelInfo, ValueInfo } from '../types.ts';
import { type ConfigFlags, configsOf } from './configs.ts';
import { describeExplanation, describeNode, nodesNamed, paintFor } from './explain.ts';
import { checkName, UsageError } from './options.ts';
import { print, printJson, table } from './text.ts';

const dimsText = ({ dims }: ValueInfo) =>
  dims ? `[${dims.map((dim) => dim ?? '?').join(', ')}]` : 'unknown';

const kNamesShown = 3;

function namesText(nodes: readonly string[]): string {
  const rest = nodes.length - kNamesShown;
  return nodes.slice(0, kNamesShown).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** What would fail when it is run. */
function describeUnsupported({ unsupported }: ModelInfo): string[] {
  if (!unsupported.length) return [];
  const rows = unsupported.map(({ domain, opType, opset, nodes }) => [
    opType,
    domain || 'ai.onnx',
    opset || '?',
    nodes.length,
    namesText(nodes),
  ]);
  const title = 'cannot be run here (all else works: inspect, fuse, export):';
  return ['', title, table(['operator', 'domain', 'opset', 'nodes', 'named'], rows)];
}

function describe(info: ModelInfo): string {
  const values = [
    ...info.inputs.map((value) => ['input', value.name, value.type, dimsText(value)]),
    ...info.outputs.map((value) => ['output', value.name, value.type, dimsText(value)]),
  ];
  const opsets = Object.entries(info.opsets).map(([domain, v]) => `${domain || 'ai.onnx'} ${v}`);
  const ops = Object.entries(info.ops).sort(([, a], [, b]) => b - a);
  return [
    `${info.stage} model, IR ${info.irVersion}, opset ${opsets.join(', ')}`,
    info.producer ? `made by ${info.producer}` : undefined,
    `${info.parameters.toLocaleString('en')} parameters`,
    '',
    table(['', 'name', 'type', 'shape'], values),
    '',
    table(['operator', 'nodes'], ops),
    ...describeUnsupported(info),
  ]
    .filter((line) => line !== undefined)
    .join('\n');
}

interface Flags extends ConfigFlags {
  qconfig?: string;
  node?: string;
  json?: boolean;
}

async function explainModel(path: string, flags: Flags): Promise<void> {
  const { qconfig, node, json } = flags;
  const eightfold = await init();
  const {
    fuseCustomConfig: _,
    convertCustomConfig: __,
    ...configs
  } = await configsOf(flags, eightfold);
  if (qconfig !== undefined) {
    checkName('qconfig', qconfig, await eightfold.qconfigNames());
    configs.qconfigMapping = { global: qconfig };
  }
  const { bytes, options: load } = readModelFile(path);
  const explanation = await eightfold.explain(bytes, { ...load, ...configs });
  const nodes = node === undefined ? undefined : nodesNamed(explanation, node);
  const paint = paintFor(process.stdout);
  if (json) printJson(nodes ?? explanation);
  else if (nodes) print(nodes.map((one) => describeNode(one, paint)).join('\n\n'));
  else print(describeExplanation(explanation, paint));
}

export async function inspectModel(path: string, flags: Flags): Promise<void> {
  if (flags.backend !== undefined || flags.config !== undefined) return explainModel(path, flags);
  if (flags.qconfig !== undefined || flags.node !== undefined) {
    throw new UsageError('error: --qconfig and --node need --backend or --config');
  }
  const { bytes, options: load } = readModelFile(path);
  const info = await (await init()).inspect(bytes, load);
  if (flags.json) printJson(info);
  else print(describe(info));
}
