// The same job as a line for the shell: the options of the page in the words of the command line tool.
import type { QuantizeOptions } from '../../bindings/js/types.ts';
import type { ImageForm } from './image_form.ts';

type Part = string | false | undefined;

/** As one word of a POSIX shell. */
function quoted(word: string): string {
  return /^[\w.,:/=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function imageParts(form: ImageForm): Part[] {
  const { width, height, crop, channels, layout, scale, mean, std } = form;
  return [
    `--size ${width}x${height}`,
    crop && '--crop',
    `--channels ${channels} --layout ${layout} --scale ${scale}`,
    `--mean ${mean.join(',')} --std ${std.join(',')}`,
  ];
}

/** Recordings are the affair of an example program. */
export const speechLine = ({ name, data }: Pick<Job, 'name' | 'data'>): string =>
  `node examples/speech/run.mjs ${quoted(name)} ${quoted(data)}`;

export interface Job {
  /** File name of the model. */
  name: string;
  /** File or folder of the samples. */
  data: string;
  form?: ImageForm | undefined;
  options: Omit<QuantizeOptions, 'calibration'>;
}

function backendPart({ mode, accuracyBudget, backend }: Job['options']): string {
  return mode === 'auto'
    ? `--mode auto --accuracy-budget ${accuracyBudget}`
    : `--backend ${backend}`;
}

export function commandLine({ name, data, form, options }: Job): string {
  const { format, observer, perTensor, activations, samples, exclude = [] } = options;
  const parts: Part[] = [
    `npx eightfold quantize ${quoted(name)} -o ${quoted(name.replace(/(\.onnx)?$/i, '-int8.onnx'))}`,
    `--calibration ${quoted(data)}`,
    ...(form ? imageParts(form) : []),
    `--format ${format} ${backendPart(options)} --observer ${observer}`,
    perTensor && '--per-tensor',
    activations && `--activations ${activations}`,
    samples !== undefined && `--samples ${samples}`,
    ...exclude.map((one) => `--exclude ${quoted(one)}`),
  ];
  return parts.filter(Boolean).join(' \\\n  ');
}
