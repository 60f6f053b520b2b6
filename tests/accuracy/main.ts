// npm run accuracy [-- --model NAME]... [--qoperator] [--float-only] [--no-write]
// Measures the models, prints each as it is done and, when all of them were measured in int8,
// writes docs/RESULTS.md. Exit code 1 when a bound fails, 2 on wrong usage.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { haveData, kDataFolder, kNoData, kRepository } from './data.ts';
import { type Format, missingEightfold } from './eightfold.ts';
import { type Int8Run, measureFloat, measureInt8 } from './measure.ts';
import { kModels, type ModelRow, modelsNamed } from './models.ts';
import { type Measured, resultsPage, summary } from './results.ts';

interface Task {
  readonly models: readonly ModelRow[];
  /** The formats of a model's int8 runs; none where floats alone are wanted. */
  readonly formats: readonly Format[];
  readonly int8: boolean;
  readonly write: boolean;
}

function readTask(): Task {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', multiple: true, default: [] },
      qoperator: { type: 'boolean', default: false },
      'float-only': { type: 'boolean', default: false },
      'no-write': { type: 'boolean', default: false },
    },
  });
  return {
    models: modelsNamed(values.model),
    formats: values.qoperator ? ['qdq', 'qoperator'] : ['qdq'],
    int8: !values['float-only'],
    write: !values['no-write'],
  };
}

/** Undefined when the model could not be measured at all: printed, and the next one is tried. */
async function measure(row: ModelRow, formats: readonly Format[]): Promise<Measured | undefined> {
  const start = performance.now();
  try {
    const float = await measureFloat(row);
    const int8: Int8Run[] = [];
    for (const format of formats) int8.push(await measureInt8(float, format));
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${summary({ float, int8 })}\n  ${seconds} s\n`);
    return { float, int8 };
  } catch (error) {
    console.log(`${row.name}\n  FAIL ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

function failures({ float, int8 }: Measured): number {
  return [...float.quoted, ...int8.flatMap(({ verdicts }) => verdicts)].filter(({ ok }) => !ok)
    .length;
}

async function main(task: Task): Promise<number> {
  if (!haveData()) {
    console.log(`skipped: ${kNoData}; looked in ${kDataFolder}`);
    return 0;
  }
  const missing = task.int8 ? await missingEightfold() : undefined;
  if (missing) console.log(`${missing}\nOnly the float models are measured.\n`);
  const measured: Measured[] = [];
  for (const row of task.models) {
    const one = await measure(row, task.int8 && !missing ? task.formats : []);
    if (one) measured.push(one);
  }
  if (task.write && !missing && task.int8 && measured.length === kModels.length) {
    mkdirSync(join(kRepository, 'docs'), { recursive: true });
    writeFileSync(join(kRepository, 'docs', 'RESULTS.md'), resultsPage(measured));
    console.log('wrote docs/RESULTS.md');
  }
  const failed = measured.reduce((sum, one) => sum + failures(one), 0);
  const broken = task.models.length - measured.length;
  console.log(
    failed + broken === 0
      ? 'every bound holds'
      : `${failed} bounds fail, ${broken} models not measured`,
  );
  return failed + broken === 0 && !missing ? 0 : 1;
}

let task: Task | undefined;
try {
  task = readTask();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
}
process.exitCode = task ? await main(task) : 2;
