// The models that tests quantize: the bundled digits and, when they are there, those of the test data.
import { haveData, readModel } from '../../accuracy/data.ts';
import { calibrationFeeds } from '../../accuracy/evaluate.ts';
import { kModels } from '../../accuracy/models.ts';
import { pick } from '../../accuracy/samples.ts';
import { digitSamples, digits } from './digits.ts';
import type { Feeds } from './eightfold.ts';

export interface ExampleModel {
  bytes: Uint8Array;
  calibration: Feeds[];
  sample: Feeds;
}

export interface ExampleRow {
  name: string;
  /** Undefined when the data is not there. */
  load(): Promise<ExampleModel | undefined>;
}

export const kSkipReason = 'the test data folder is not there (EIGHTFOLD_DATA names it)';

async function loadDigits(): Promise<ExampleModel> {
  const calibration = digitSamples(128);
  return { bytes: digits(), calibration, sample: calibration[5]! };
}

async function loadShared(row: (typeof kModels)[number]): Promise<ExampleModel | undefined> {
  if (!haveData()) return undefined;
  const { calibration: set } = await row.sets();
  const bytes = readModel(row.name);
  const few = pick(set, (i) => i < (row.stream ? 128 : 16));
  const calibration: Feeds[] = [];
  for await (const feeds of calibrationFeeds(bytes, few, row)) calibration.push(feeds as Feeds);
  return { bytes, calibration, sample: calibration.at(-1)! };
}

export function exampleModels(): ExampleRow[] {
  const shared = kModels.map((row) => ({ name: row.name, load: () => loadShared(row) }));
  return [{ name: 'digits', load: loadDigits }, ...shared];
}
