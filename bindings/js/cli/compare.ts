// eightfold compare FLOAT QUANTIZED --inputs DATA
import type { Comparison, Model } from '../api.ts';
import { init } from '../index.ts';
import { openData } from '../node/data.ts';
import { readModelFile } from '../node/files.ts';
import { type ImageFlags, imageFormOf } from './options.ts';
import { withProgress } from './progress.ts';
import { decibels, percent, print, printJson, table } from './text.ts';

interface Flags extends ImageFlags {
  inputs: string;
  samples?: number;
  json?: boolean;
}

function describe({ samples, layers, outputs }: Comparison): string {
  const layerRows = layers.map(({ node, opType, sqnr, maxAbsError }) => [
    node,
    opType,
    maxAbsError === 0 ? 'exact' : decibels(sqnr),
    maxAbsError.toPrecision(3),
  ]);
  const outputRows = outputs.map(({ name, sqnr, maxAbsError, argmaxAgreement }) => [
    name,
    decibels(sqnr),
    maxAbsError.toPrecision(3),
    percent(argmaxAgreement),
  ]);
  return [
    table(['layer', 'op', 'SQNR dB', 'max error'], layerRows),
    '',
    table(['output', 'SQNR dB', 'max error', 'same argmax'], outputRows),
    '',
    `${samples} samples`,
  ].join('\n');
}

export async function compareModels(
  floatPath: string,
  quantizedPath: string,
  flags: Flags,
): Promise<void> {
  const eightfold = await init();
  const open = (path: string): Promise<Model> => {
    const { bytes, options } = readModelFile(path);
    return eightfold.loadModel(bytes, options);
  };
  const [float, quantized] = [await open(floatPath), await open(quantizedPath)];
  const data = openData(flags.inputs, float.info.inputs, imageFormOf(flags));
  const limit = flags.samples === undefined ? {} : { samples: flags.samples };
  const comparison = await withProgress((long) =>
    eightfold.compare(float, quantized, data, { ...long, ...limit }),
  );
  if (flags.json) printJson(comparison);
  else print(describe(comparison));
}
