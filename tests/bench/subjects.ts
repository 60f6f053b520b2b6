// What is timed: every model of the shared data with the inputs of its own test data set, and samples to
// calibrate it with. Where no calibration set is known, its one test input stands in: speed does not ask for
// accuracy.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelInfo } from '../../bindings/js/types.ts';
import { haveData, inData, readModel } from '../accuracy/data.ts';
import { calibrationFeeds } from '../accuracy/evaluate.ts';
import { kModels } from '../accuracy/models.ts';
import type { Feeds } from '../accuracy/tensor.ts';
import { readTensorProto } from '../accuracy/tensor_proto.ts';

export interface Subject {
  readonly name: string;
  readonly model: Uint8Array;
  /** Reads the test data set; its tensors are in the order of the inputs. */
  feeds(info: ModelInfo): Feeds;
  calibration(feeds: Feeds): Promise<AsyncIterable<Feeds>>;
}

const kTestSet = 'test_data_set_0';

function feedsOf(name: string, { inputs }: ModelInfo): Feeds {
  return Object.fromEntries(
    inputs.map((input, i) => {
      const file = readFileSync(inData(name, kTestSet, `input_${i}.pb`));
      const { type, data, dims } = readTensorProto(new Uint8Array(file));
      return [input.name, { type, data, dims }];
    }),
  );
}

async function* once(feeds: Feeds): AsyncGenerator<Feeds> {
  yield feeds;
}

async function calibrationOf(name: string, feeds: Feeds): Promise<AsyncIterable<Feeds>> {
  const row = kModels.find((model) => model.name === name);
  return row ? calibrationFeeds(readModel(name), (await row.sets()).calibration, row) : once(feeds);
}

function hasTestSet(folder: string): boolean {
  try {
    return readdirSync(inData(folder, kTestSet)).length > 0 && readModel(folder).length > 0;
  } catch {
    return false;
  }
}

/** Names of the models, in order; none where the data is absent. */
export function subjectNames(): string[] {
  if (!haveData()) return [];
  return readdirSync(join(inData()), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && hasTestSet(entry.name))
    .map(({ name }) => name)
    .sort();
}

export function openSubject(name: string): Subject {
  return {
    name,
    model: readModel(name),
    feeds: (info) => feedsOf(name, info),
    calibration: (feeds) => calibrationOf(name, feeds),
  };
}
