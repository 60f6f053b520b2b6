// The main job: all verbs in order, from bytes to bytes with a report.

import type { LoadOptions, ModelSource } from './api.ts';
import { backendOf, budgetOf, chooseExact, kTrialSamples, type Trial } from './auto.ts';
import { plainOf } from './config/base.ts';
import { type BackendWire, backendWire } from './config/wire.ts';
import type { Core, CoreComparator, CoreModel, CorePrepared } from './core.ts';
import { call, EightfoldError } from './errors.ts';
import { Pace } from './pace.ts';
import {
  calibratePass,
  comparisonOf,
  correctPass,
  optionalSqnr,
  outputRows,
  walk,
} from './passes.ts';
import { Replay } from './samples.ts';
import { type Scope, withScope } from './scope.ts';
import { openModel } from './source.ts';
import { copyFeeds, toWire } from './tensors.ts';
import type { Feeds, Format, QuantizeOptions, QuantizeResult, Remark, Report } from './types.ts';

const kDefaultCompared = 8;

interface CoreReport {
  bytes: { float: number; int8: number };
  macs: { total: number; int8: number };
  calibrationSamples: number;
  outputs: Parameters<typeof outputRows>[0];
  layers: (Omit<Report['layers'][number], 'sqnr'> & { sqnr: number | null })[];
  remarks: Remark[];
}

function reportOf(text: string): Report {
  const raw = JSON.parse(text) as CoreReport;
  const { total, int8 } = raw.macs;
  return {
    bytes: raw.bytes,
    int8MacShare: total > 0 ? int8 / total : 0,
    macs: total,
    samples: raw.calibrationSamples,
    layers: raw.layers.map(({ sqnr, ...layer }) => ({ ...layer, ...optionalSqnr(sqnr) })),
    remarks: raw.remarks,
    outputs: outputRows(raw.outputs),
  };
}

/** Options as they cross. */
export const optionsText = (options: object = {}): string => JSON.stringify(plainOf(options));

/** Fuses, in rounds where the backend has functions of the caller. The caller frees the result. */
export async function fuseModel(
  core: Core,
  model: CoreModel,
  { json, names, ask }: BackendWire,
  custom?: object,
): Promise<CoreModel> {
  const text = optionsText(custom);
  if (!names.length) return call(() => core.fuse(model, json, text));
  return withScope(async (scope) => {
    const fusing = scope.hold(call(() => core.startFusing(model, json, text, names)));
    while (call(() => fusing.nextRound())) {
      const replies = await ask(call(() => fusing.questions()));
      call(() => fusing.answer(replies));
    }
    return call(() => fusing.finish());
  });
}

export function checkFormat(format: Format): void {
  if (format === 'qdq' || format === 'qoperator') return;
  throw new EightfoldError('invalid_config', `unknown format '${String(format)}'`, {
    hint: "Known: 'qdq', 'qoperator'.",
  });
}

/** The exported file; `lowered` is there already. */
export function exportModel(
  core: Core,
  scope: Scope,
  models: { quantized: CoreModel; lowered: CoreModel },
  format: Format,
): Uint8Array<ArrayBuffer> {
  const made = format === 'qdq' ? core.toQdq(models.quantized) : core.toQOperator(models.lowered);
  return scope.hold(made).save();
}

interface MakeOptions {
  /** Names of layers that stay exact8. */
  exact: readonly string[] | undefined;
  samples: Replay;
  /** Whether to compare even where the caller asked for no comparison. */
  compares?: boolean;
}

interface Made {
  prepared: CorePrepared;
  quantized: CoreModel;
  lowered: CoreModel;
  comparator: CoreComparator | null;
}

class Route {
  readonly #core: Core;
  readonly #scope: Scope;
  readonly #options: QuantizeOptions;
  readonly #pace: Pace;
  readonly #samples: Replay;
  /** The first samples, for the comparison; copies, as the user may reuse the arrays. */
  readonly #first: Feeds[] = [];

  constructor(core: Core, scope: Scope, options: QuantizeOptions) {
    this.#core = core;
    this.#scope = scope;
    this.#options = options;
    this.#pace = new Pace(options);
    this.#samples = new Replay(options.calibration, options.samples);
  }

  async run(source: ModelSource, load: LoadOptions): Promise<QuantizeResult> {
    const core = this.#core;
    const pace = this.#pace;
    const { mode, format = 'qdq', fuseCustomConfig } = this.#options;
    checkFormat(format);
    const isAuto = mode === 'auto';
    const budget = isAuto ? budgetOf(this.#options) : 0;
    const wire = backendWire(backendOf(this.#options));

    const model = await openModel(core, this.#scope, source, load, pace);
    const fused = await pace.phase('fuse', async () =>
      this.#scope.hold(await fuseModel(core, model, wire, fuseCustomConfig)),
    );
    const exact = isAuto
      ? await chooseExact((names) => this.#try(fused, wire.json, names), budget)
      : undefined;
    const { prepared, quantized, lowered, comparator } = await this.#make(
      this.#scope,
      fused,
      wire.json,
      { exact: exact ?? this.#options.exact, samples: this.#samples },
    );
    const file = await pace.phase('export', () =>
      exportModel(core, this.#scope, { quantized, lowered }, format),
    );
    const sample = toWire(this.#first[0] ?? {});
    const bytes = model.fileBytes();
    const text = call(() =>
      core.report(prepared, lowered, comparator, sample, bytes, file.byteLength),
    );
    return { model: file, report: { ...reportOf(text), ...(exact && { exact }) } };
  }

  /** One trial of the mode auto; nothing of it stays. */
  #try(fused: CoreModel, backend: string, names: readonly string[] | 'all'): Promise<Trial> {
    return withScope(async (scope) => {
      const samples = new Replay(this.#samples, kTrialSamples);
      const all = names === 'all';
      const made = await this.#make(scope, fused, all ? '"exact8"' : backend, {
        exact: all ? this.#options.exact : [...names, ...(this.#options.exact ?? [])],
        samples,
        compares: true,
      });
      const sample = toWire(this.#first[0] ?? {});
      const text = call(() =>
        this.#core.report(made.prepared, made.lowered, made.comparator, sample, 0, 0),
      );
      const layers = reportOf(text).layers.filter(({ int8 }) => int8);
      return {
        comparison: comparisonOf(made.comparator!),
        macs: new Map(layers.map(({ node, macs }) => [node, macs])),
      };
    });
  }

  async #make(
    scope: Scope,
    fused: CoreModel,
    backend: string,
    { exact, samples, compares }: MakeOptions,
  ): Promise<Made> {
    const core = this.#core;
    const pace = this.#pace;
    const convert = optionsText({ convertCustomConfig: this.#options.convertCustomConfig });
    const prepared = await pace.phase('prepare', () =>
      scope.hold(this.#prepare(fused, backend, exact)),
    );
    await this.#observe(prepared, samples);
    const quantized = await pace.phase('convert', () =>
      scope.hold(core.convert(prepared, convert)),
    );
    const lowered = await pace.phase('lower', () => scope.hold(core.lower(quantized)));
    const comparator =
      !compares && this.#options.compareSamples === 0
        ? null
        : await this.#compare(scope, prepared, lowered);
    return { prepared, quantized, lowered, comparator };
  }

  #prepare(fused: CoreModel, backend: string, exact?: readonly string[]): CorePrepared {
    const { mode, observer, perTensor, activations, exclude } = this.#options;
    const { qconfigMapping, prepareCustomConfig } = this.#options;
    const plain = mode === 'auto' ? undefined : mode;
    const given = { mode: plain, observer, perTensor, activations, exclude, exact };
    const text = optionsText({ ...given, qconfigMapping, prepareCustomConfig });
    return this.#core.prepare(fused, backend, text);
  }

  async #observe(prepared: CorePrepared, samples: Replay): Promise<void> {
    const wanted = Math.max(1, this.#options.compareSamples || kDefaultCompared);
    const isFirst = this.#first.length === 0;
    const seen = (feeds: Feeds) => {
      if (isFirst && this.#first.length < wanted) this.#first.push(copyFeeds(feeds));
    };
    await calibratePass(this.#core, prepared, samples, { pace: this.#pace, seen });
    if (this.#options.biasCorrection === false) return;
    await correctPass(this.#core, prepared, samples, this.#pace);
  }

  async #compare(
    scope: Scope,
    prepared: CorePrepared,
    lowered: CoreModel,
  ): Promise<CoreComparator> {
    const float = scope.hold(call(() => prepared.graph()));
    const comparator = scope.hold(call(() => this.#core.makeComparator(float, lowered)));
    await walk(comparator, new Replay(this.#first), { pace: this.#pace, phase: 'compare' });
    return comparator;
  }
}

export function quantize(
  core: Core,
  source: ModelSource,
  options: QuantizeOptions & LoadOptions,
): Promise<QuantizeResult> {
  return withScope((scope) => new Route(core, scope, options).run(source, options));
}
