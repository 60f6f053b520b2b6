// What was recorded with the data by another runtime: test_data_set_K of each model, and the faces
// the float detector found.
import { readdirSync, readFileSync } from 'node:fs';
import { inData } from './data.ts';
import { type NamedTensor, readTensorProto } from './tensor_proto.ts';

/** Detections recorded with the data: per photo rows of [x1, y1, x2, y2, score]. */
export function recordedDetections(): Record<string, number[][]> {
  return JSON.parse(readFileSync(inData('ultraface-rfb-320', 'float-detections.json'), 'utf8'));
}

export interface RecordedRun {
  readonly name: string;
  readonly inputs: NamedTensor[];
  readonly outputs: NamedTensor[];
}

/** Every test_data_set_K of a model: inputs and outputs in graph order. */
export function recordedRuns(model: string): RecordedRun[] {
  const sets = readdirSync(inData(model)).filter((name) => name.startsWith('test_data_set_'));
  return sets.sort().map((name) => {
    const files = readdirSync(inData(model, name));
    const read = (kind: string) =>
      Array.from({ length: files.filter((file) => file.startsWith(`${kind}_`)).length }, (_, k) =>
        readTensorProto(new Uint8Array(readFileSync(inData(model, name, `${kind}_${k}.pb`)))),
      );
    return { name, inputs: read('input'), outputs: read('output') };
  });
}
