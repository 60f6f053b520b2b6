// Eightfold in this thread: each verb of api.ts on one instance of the core.
import type * as api from './api.ts';
import { BackendConfig } from './config/backend.ts';
import { backendWire } from './config/wire.ts';
import type { Core, CoreModel } from './core.ts';
import { call } from './errors.ts';
import { LocalModel, LocalPrepared, LocalSession, rawModel, rawPrepared } from './handles.ts';
import { endThreads, type Loaded, loadCore } from './load.ts';
import { Pace } from './pace.ts';
import { calibratePass, comparable, comparisonOf, correctPass, walk } from './passes.ts';
import { checkFormat, exportModel, fuseModel, optionsText, quantize, saved } from './quantize.ts';
import { Replay } from './samples.ts';
import { withScope } from './scope.ts';
import { infoOf, isBytes, loadRaw, openModel } from './source.ts';
import type {
  Explanation,
  InitOptions,
  ModelInfo,
  OnnxFiles,
  OperatorInfo,
  QuantizeOptions,
  QuantizeResult,
  Samples,
} from './types.ts';

const kBodyRunLimit = 2 ** 24;

// Threads do not end by themselves, and hold the memory they share.
const kForgotten = new FinalizationRegistry<Core>(endThreads);

export class LocalEightfold implements api.Eightfold {
  readonly #core: Core;
  #build: api.Build;

  constructor({ core, variant, threads }: Loaded) {
    this.#core = core;
    this.#build = { variant, isa: call(() => core.isa()), threads };
    if (threads > 1) kForgotten.register(this, core);
  }

  get build(): api.Build {
    return this.#build;
  }

  terminate(): void {
    endThreads(this.#core);
    this.#build = { ...this.#build, threads: 1 };
  }

  #model(make: () => CoreModel): api.Model {
    return new LocalModel(call(make));
  }

  async loadModel(bytes: Uint8Array | ArrayBuffer, options?: api.LoadOptions): Promise<api.Model> {
    return new LocalModel(await loadRaw(this.#core, bytes, options));
  }

  async inspect(model: api.ModelSource, _options?: api.LoadOptions): Promise<ModelInfo> {
    return withScope(async (scope) => infoOf(this.#core, scope, model));
  }

  async fuse(model: api.Model, options: api.FuseOptions = {}): Promise<api.Model> {
    const { backend, fuseCustomConfig } = options;
    const raw = rawModel(model);
    return new LocalModel(await fuseModel(this.#core, raw, backendWire(backend), fuseCustomConfig));
  }

  async prepare(fused: api.Model, options: api.PrepareOptions = {}): Promise<api.PreparedModel> {
    const { backend, ...rest } = options;
    const [{ json }, text] = [backendWire(backend), optionsText(rest)];
    return new LocalPrepared(call(() => this.#core.prepare(rawModel(fused), json, text)));
  }

  async calibrate(
    prepared: api.PreparedModel,
    samples: Samples,
    options: api.CalibrateOptions = {},
  ): Promise<void> {
    const replay = new Replay(samples, options.samples);
    await calibratePass(this.#core, rawPrepared(prepared), replay, { pace: new Pace(options) });
  }

  async correctBias(
    prepared: api.PreparedModel,
    samples: Samples,
    options: api.CalibrateOptions = {},
  ): Promise<void> {
    const replay = new Replay(samples, options.samples);
    await correctPass(this.#core, rawPrepared(prepared), replay, new Pace(options));
  }

  async convert(prepared: api.PreparedModel, options: api.ConvertOptions = {}): Promise<api.Model> {
    const text = optionsText(options);
    return this.#model(() => this.#core.convert(rawPrepared(prepared), text));
  }

  async lower(quantized: api.Model): Promise<api.Model> {
    return this.#model(() => this.#core.lower(rawModel(quantized)));
  }

  async toOnnx(
    model: api.Model,
    options: api.ExportOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.toOnnxFiles(model, { ...options, saveExternal: undefined })).model;
  }

  async toOnnxFiles(
    model: api.Model,
    { format, saveExternal }: api.ExportOptions = {},
  ): Promise<OnnxFiles> {
    if (format) checkFormat(format);
    const raw = rawModel(model);
    return withScope(async (scope) =>
      call(() => {
        const stage = raw.stage();
        if (stage === 'float' || stage === 'fused') return saved(raw, saveExternal);
        const wanted = format ?? (stage === 'lowered' ? 'qoperator' : 'qdq');
        const lowers = stage === 'quantized' && wanted === 'qoperator';
        const lowered = lowers ? scope.hold(this.#core.lower(raw)) : raw;
        return exportModel(this.#core, scope, { quantized: raw, lowered }, wanted, saveExternal);
      }),
    );
  }

  async createSession(model: api.ModelSource, options?: api.SessionOptions): Promise<api.Session> {
    const limit = options?.bodyRunLimit ?? kBodyRunLimit;
    return withScope(async (scope) => {
      const raw = await openModel(this.#core, scope, model, options);
      return new LocalSession(
        call(() => this.#core.makeSession(raw, isBytes(model), limit)),
        this,
      );
    });
  }

  quantize(
    model: api.ModelSource,
    options: QuantizeOptions & api.LoadOptions,
  ): Promise<QuantizeResult> {
    return quantize(this.#core, model, options);
  }

  compare(
    float: api.ModelSource,
    quantized: api.ModelSource,
    samples: Samples,
    options: api.CalibrateOptions = {},
  ): Promise<api.Comparison> {
    return withScope(async (scope) => {
      const core = this.#core;
      const open = async (source: api.ModelSource) => {
        const raw = await openModel(core, scope, source);
        const made = comparable(core, raw, backendWire().json);
        return made ? scope.hold(made) : raw;
      };
      const [left, right] = [await open(float), await open(quantized)];
      const comparator = scope.hold(call(() => core.makeComparator(left, right)));
      const pace = new Pace(options);
      await walk(comparator, new Replay(samples, options.samples), { pace, phase: 'compare' });
      return comparisonOf(comparator);
    });
  }

  async explain(
    model: api.ModelSource,
    options: api.PrepareOptions & api.LoadOptions = {},
  ): Promise<Explanation> {
    const { backend, externalData, signal, onProgress, ...rest } = options;
    const [wire, text] = [backendWire(backend), optionsText(rest)];
    const { json, names } = wire;
    return withScope(async (scope) => {
      const core = this.#core;
      const raw = await openModel(core, scope, model, options);
      // Functions run between calls of the core: what they fuse is fused before, without them after.
      const asks = names.length > 0 && call(() => raw.stage()) === 'float';
      const subject = asks ? scope.hold(await fuseModel(core, raw, wire)) : raw;
      const known = JSON.parse(json, (_, value) => (names.includes(value) ? undefined : value));
      const explained = call(() => core.explain(subject, JSON.stringify(known), text));
      return JSON.parse(explained) as Explanation;
    });
  }

  async backend(name: string): Promise<BackendConfig> {
    return BackendConfig.fromJSON(JSON.parse(call(() => this.#core.backend(name))));
  }

  async backendNames(): Promise<string[]> {
    return call(() => this.#core.backendNames());
  }

  async observerNames(): Promise<string[]> {
    return call(() => this.#core.observerNames());
  }

  async qconfigNames(): Promise<string[]> {
    return call(() => this.#core.qconfigNames());
  }

  async operators(): Promise<OperatorInfo[]> {
    return call(() => this.#core.operators());
  }

  async memory(): Promise<api.Memory> {
    return {
      heapBytes: call(() => this.#core.heapBytes()),
      allocatedBytes: call(() => this.#core.allocatedBytes()),
    };
  }
}

/** A new instance, with memory of its own. */
export async function createInstance(options: InitOptions = {}): Promise<api.Eightfold> {
  return new LocalEightfold(await loadCore(options));
}
