// Samples from an .npz file, cut by the package's rules. Its array `labels`, when it is no input of the model and holds
// one number for each sample, gives the right classes.
import { readNpz, splitSamples } from '../../bindings/js/index.ts';
import type { ModelInfo, Tensor } from '../../bindings/js/types.ts';
import { values } from './numbers.ts';
import { type SampleSet, sampleSet } from './samples.ts';

export interface ArraySamples {
  name: string;
  set: SampleSet;
}

const kLabels = 'labels';

function labelsOf(arrays: Record<string, Tensor>, samples: number, { inputs }: ModelInfo) {
  const labels = arrays[kLabels];
  if (!labels || inputs.some(({ name }) => name === kLabels)) return undefined;
  return labels.data.length === samples ? values(labels) : undefined;
}

export async function readArrays(file: File, info: ModelInfo): Promise<ArraySamples> {
  const arrays = readNpz(new Uint8Array(await file.arrayBuffer()));
  const data = splitSamples(arrays, info.inputs);
  const labels = labelsOf(arrays, data.length, info);
  return { name: file.name, set: sampleSet(data.length, async (index) => data.at(index), labels) };
}
