// Passes over samples: calibration, bias correction, comparison.
import type { Comparison } from './api.ts';
import type { Core, CoreComparator, CoreModel, CorePrepared, Stepper } from './core.ts';
import { call, EightfoldError } from './errors.ts';
import type { Pace } from './pace.ts';
import type { Replay } from './samples.ts';
import { withScope } from './scope.ts';
import type { Feeds, Phase } from './types.ts';

export interface PassOptions {
  pace: Pace;
  phase: Phase;
  /** Told each sample after it was used. */
  seen?: (feeds: Feeds) => void;
}

/** Walks the samples through `stepper`; throws when there are none. */
export async function walk(
  stepper: Stepper,
  samples: Replay,
  { pace, phase, seen }: PassOptions,
): Promise<number> {
  const total = samples.total === undefined ? {} : { total: samples.total };
  pace.tell({ phase, done: 0, ...total });
  let done = 0;
  pace.check();
  for await (const feeds of samples) {
    await pace.drive(stepper, feeds);
    seen?.(feeds);
    pace.tell({ phase, done: ++done, ...total });
  }
  if (done > 0) return done;
  throw new EightfoldError('invalid_data', 'there are no samples', {
    hint: 'Give at least one sample; a few dozen typical ones are better.',
  });
}

export function calibratePass(
  core: Core,
  prepared: CorePrepared,
  samples: Replay,
  options: Omit<PassOptions, 'phase'>,
): Promise<number> {
  return withScope(async (scope) => {
    const calibrator = scope.hold(call(() => core.makeCalibrator(prepared)));
    return walk(calibrator, samples, { ...options, phase: 'calibrate' });
  });
}

export function correctPass(
  core: Core,
  prepared: CorePrepared,
  samples: Replay,
  pace: Pace,
): Promise<void> {
  return withScope(async (scope) => {
    const corrector = scope.hold(call(() => core.makeBiasCorrector(prepared)));
    await walk(corrector, samples, { pace, phase: 'correct' });
    call(() => corrector.finish());
  });
}

interface CoreOutput {
  name: string;
  sqnr: number | null;
  maxError: number | null;
  argmaxAgreement: number | null;
}

// JSON has no infinity: equal values come as null with no error.
function outputRow({ name, sqnr, maxError, argmaxAgreement }: CoreOutput) {
  const maxAbsError = maxError ?? Number.NaN;
  const fallback = maxAbsError === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  return { name, sqnr: sqnr ?? fallback, maxAbsError, argmaxAgreement: argmaxAgreement ?? 1 };
}

export const outputRows = (rows: CoreOutput[]) => rows.map(outputRow);

/** `{ sqnr }` when there is a number, nothing otherwise. */
export const optionalSqnr = (sqnr: number | null) => (sqnr === null ? {} : { sqnr });

interface CoreComparison {
  samples: number;
  layers: {
    node: string;
    opType: string;
    output: string;
    sqnr: number | null;
    maxError: number | null;
  }[];
  outputs: CoreOutput[];
}

export function comparisonOf(comparator: CoreComparator): Comparison {
  const raw = JSON.parse(call(() => comparator.result())) as CoreComparison;
  return {
    samples: raw.samples,
    layers: raw.layers.map(({ sqnr, maxError, ...layer }) => ({
      ...layer,
      ...optionalSqnr(sqnr),
      maxAbsError: maxError ?? Number.NaN,
    })),
    outputs: outputRows(raw.outputs),
  };
}

/** A model in the form that is compared: float ones fused, QDQ ones lowered. */
export function comparable(core: Core, model: CoreModel, backend: string): CoreModel | undefined {
  const stage = call(() => model.stage());
  if (stage === 'float') return call(() => core.fuse(model, backend, '{}'));
  if (stage === 'quantized') return call(() => core.lower(model));
  return undefined;
}
