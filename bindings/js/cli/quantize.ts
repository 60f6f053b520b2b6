// eightfold quantize MODEL -o OUT --calibration DATA
import { init } from '../index.ts';
import { openData } from '../node/data.ts';
import { readModelFile, writeBytes } from '../node/files.ts';
import type { Activations, Format, Mode, Report } from '../types.ts';
import { type ConfigFlags, configsOf } from './configs.ts';
import { checkName, type ImageFlags, imageFormOf } from './options.ts';
import { withProgress } from './progress.ts';
import { bytesText, decibels, percent, print, printJson, table } from './text.ts';

interface Flags extends ImageFlags, ConfigFlags {
  output: string;
  calibration: string;
  format: Format;
  mode?: Mode | 'auto';
  accuracyBudget?: number;
  observer?: string;
  perTensor?: boolean;
  activations?: Activations;
  samples?: number;
  exclude?: string[];
  report?: string;
  json?: boolean;
}

export function describeReport(report: Report): string {
  const { bytes, layers, outputs } = report;
  const ratio = (bytes.float / Math.max(1, bytes.int8)).toFixed(2);
  const rows = layers.map(({ node, opType, int8, sqnr, reason }) => [
    node,
    opType,
    int8 ? 'int8' : 'float',
    decibels(sqnr),
    reason ?? '',
  ]);
  const outputRows = outputs.map(({ name, sqnr, argmaxAgreement }) => [
    name,
    decibels(sqnr),
    percent(argmaxAgreement),
  ]);
  const { exact } = report;
  return [
    ...(exact ? [`turbo, with ${exact.length} of ${layers.length} layers as exact8`] : []),
    `${bytesText(bytes.float)} -> ${bytesText(bytes.int8)} (${ratio} times smaller)`,
    `${percent(report.int8MacShare)} of ${report.macs.toLocaleString('en')} multiply-accumulates in int8`,
    '',
    table(['layer', 'op', 'type', 'SQNR dB', 'why float'], rows),
    '',
    table(['output', 'SQNR dB', 'same argmax'], outputRows),
  ].join('\n');
}

export async function quantizeModel(path: string, flags: Flags): Promise<void> {
  const { format, mode, observer, perTensor, activations, samples, exclude, accuracyBudget } =
    flags;
  const eightfold = await init();
  const configs = await configsOf(flags, eightfold);
  if (observer) checkName('observer', observer, await eightfold.observerNames());
  const { bytes, options: load } = readModelFile(path);
  const { inputs } = await eightfold.inspect(bytes, load);
  const calibration = openData(flags.calibration, inputs, imageFormOf(flags));
  const { model, report } = await withProgress((long) =>
    eightfold.quantize(bytes, {
      ...load,
      ...long,
      ...configs,
      calibration,
      format,
      ...(mode && { mode }),
      ...(accuracyBudget !== undefined && { accuracyBudget }),
      ...(observer && { observer }),
      ...(activations && { activations }),
      ...(perTensor && { perTensor }),
      ...(samples !== undefined && { samples }),
      ...(exclude && { exclude }),
    }),
  );
  // The report first: OUT is there only when all is done.
  if (flags.report) writeBytes(flags.report, `${JSON.stringify(report, null, 2)}\n`);
  writeBytes(flags.output, model);
  if (flags.json) printJson(report);
  else print(`${describeReport(report)}\n\nwrote ${flags.output}`);
}
