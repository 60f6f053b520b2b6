// eightfold inspect MODEL
import { init } from '../index.ts';
import { readModelFile } from '../node/files.ts';
import type { ModelInfo, ValueInfo } from '../types.ts';
import { print, printJson, table } from './text.ts';

const dimsText = ({ dims }: ValueInfo) =>
  dims ? `[${dims.map((dim) => dim ?? '?').join(', ')}]` : 'unknown';

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
  ]
    .filter((line) => line !== undefined)
    .join('\n');
}

export async function inspectModel(path: string, options: { json?: boolean }): Promise<void> {
  const { bytes, options: load } = readModelFile(path);
  const info = await (await init()).inspect(bytes, load);
  if (options.json) printJson(info);
  else print(describe(info));
}
