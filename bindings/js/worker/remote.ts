// The verbs of api.ts, sent to the worker.
import type * as api from '../api.ts';
import { backendOf } from '../auto.ts';
import { BackendConfig } from '../config/backend.ts';
import { plainOf } from '../config/base.ts';
import { backendWire } from '../config/wire.ts';
import { Replay } from '../samples.ts';
import type {
  Explanation,
  Format,
  LongCallOptions,
  ModelInfo,
  OnnxFiles,
  OperatorInfo,
  QuantizeOptions,
  QuantizeResult,
  Samples,
} from '../types.ts';
import { externalThere } from './external_there.ts';
import type { Call, Line } from './line.ts';
import { type BackendThere, type HandleFacts, kSamplesHere } from './protocol.ts';
import {
  RemoteHandle,
  RemoteModel,
  RemotePrepared,
  RemoteSession,
  refOf,
} from './remote_handles.ts';

/** Handles as references, bytes and options as they are. */
const toRemote = (value: unknown) => (value instanceof RemoteHandle ? refOf(value) : value);

/** Options without what cannot cross. */
function plain<T extends LongCallOptions>({ signal: _, onProgress: __, ...rest }: T) {
  return rest;
}

/** Options of a load, and who answers for external data that does not cross. */
function loading(options: api.LoadOptions = {}): { sent: object; call: Call } {
  const { externalData, ...rest } = options;
  const call: Call = { long: options };
  if (!externalData) return { sent: plain(rest), call };
  const { there, external } = externalThere(externalData);
  return { sent: { ...plain(rest), externalData: there }, call: { ...call, external } };
}

/** Options with configs as JSON, and who answers for the functions of a backend. */
type Crossing = Omit<api.PrepareOptions, 'mode'> & api.LoadOptions;

function crossing({ backend, ...rest }: Crossing = {}) {
  const { json, names, ask } = backendWire(backend);
  const there: BackendThere = { eightfoldBackend: json, functions: names };
  const { externalData, ...configs } = rest;
  const { sent: load, call } = loading({ ...rest });
  const { externalData: external } = load as { externalData?: object };
  const sent = {
    ...(plainOf(plain(configs)) as object),
    ...(external && { externalData: external }),
    backend: there,
  };
  return { sent, call: names.length ? { ...call, ask } : call };
}

export class RemoteEightfold implements api.Eightfold {
  readonly build: api.Build;
  readonly #line: Line;
  readonly #stop: () => void;

  constructor(line: Line, build: api.Eightfold['build'], stop: () => void) {
    this.#line = line;
    this.build = build;
    this.#stop = stop;
  }

  /** Ends the worker and frees all of its memory. */
  terminate(): void {
    this.#stop();
  }

  async #ask(method: string, args: unknown[], call?: Call): Promise<unknown> {
    return this.#line.call(method, args.map(toRemote), call);
  }
  async #model(method: string, args: unknown[], call?: Call): Promise<api.Model> {
    return new RemoteModel(this.#line, (await this.#ask(method, args, call)) as HandleFacts);
  }
  async #pass(
    method: string,
    args: unknown[],
    samples: Samples,
    options: api.CalibrateOptions,
  ): Promise<unknown> {
    const replay = new Replay(samples, options.samples);
    const all = [...args, kSamplesHere, plain(options)];
    return this.#ask(method, all, { long: options, samples: replay });
  }

  async loadModel(bytes: Uint8Array | ArrayBuffer, options?: api.LoadOptions): Promise<api.Model> {
    const { sent, call } = loading(options);
    return this.#model('loadModel', [bytes, sent], call);
  }
  async inspect(model: api.ModelSource, _options?: api.LoadOptions): Promise<ModelInfo> {
    return (await this.#ask('inspect', [model])) as ModelInfo;
  }
  async fuse(model: api.Model, options?: api.FuseOptions): Promise<api.Model> {
    const { sent, call } = crossing(options);
    return this.#model('fuse', [model, sent], call);
  }
  async prepare(fused: api.Model, options?: api.PrepareOptions): Promise<api.PreparedModel> {
    const { sent } = crossing(options);
    const facts = (await this.#ask('prepare', [fused, sent])) as HandleFacts;
    return new RemotePrepared(this.#line, facts);
  }
  async calibrate(
    prepared: api.PreparedModel,
    samples: Samples,
    options: api.CalibrateOptions = {},
  ): Promise<void> {
    await this.#pass('calibrate', [prepared], samples, options);
  }
  async correctBias(
    prepared: api.PreparedModel,
    samples: Samples,
    options: api.CalibrateOptions = {},
  ): Promise<void> {
    await this.#pass('correctBias', [prepared], samples, options);
  }
  async convert(prepared: api.PreparedModel, options?: api.ConvertOptions): Promise<api.Model> {
    return this.#model('convert', [prepared, plainOf(options)]);
  }
  lower(quantized: api.Model): Promise<api.Model> {
    return this.#model('lower', [quantized]);
  }
  async toOnnx(model: api.Model, options?: { format?: Format }): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#ask('toOnnx', [model, options])) as Uint8Array<ArrayBuffer>;
  }
  async toOnnxFiles(model: api.Model, options?: api.ExportOptions): Promise<OnnxFiles> {
    return (await this.#ask('toOnnxFiles', [model, options])) as OnnxFiles;
  }
  async createSession(model: api.ModelSource, options?: api.SessionOptions): Promise<api.Session> {
    const { sent, call } = loading(options);
    const facts = (await this.#ask('createSession', [model, sent], call)) as HandleFacts;
    return new RemoteSession(this.#line, facts);
  }
  async quantize(
    model: api.ModelSource,
    options: QuantizeOptions & api.LoadOptions,
  ): Promise<QuantizeResult> {
    const samples = new Replay(options.calibration, options.samples);
    const { calibration: _, ...rest } = options;
    const { sent, call } = crossing({ ...rest, backend: backendOf(options) });
    const args = [model, { ...sent, calibration: kSamplesHere }];
    return (await this.#ask('quantize', args, { ...call, samples })) as QuantizeResult;
  }
  async compare(
    float: api.ModelSource,
    quantized: api.ModelSource,
    samples: Samples,
    options: api.CalibrateOptions = {},
  ): Promise<api.Comparison> {
    return (await this.#pass('compare', [float, quantized], samples, options)) as api.Comparison;
  }
  async explain(
    model: api.ModelSource,
    options?: api.PrepareOptions & api.LoadOptions,
  ): Promise<Explanation> {
    const { sent, call } = crossing(options);
    return (await this.#ask('explain', [model, sent], call)) as Explanation;
  }
  async backend(name: string): Promise<BackendConfig> {
    return BackendConfig.fromJSON(await this.#ask('backend', [name]));
  }
  async backendNames(): Promise<string[]> {
    return (await this.#ask('backendNames', [])) as string[];
  }
  async observerNames(): Promise<string[]> {
    return (await this.#ask('observerNames', [])) as string[];
  }
  async qconfigNames(): Promise<string[]> {
    return (await this.#ask('qconfigNames', [])) as string[];
  }
  async operators(): Promise<OperatorInfo[]> {
    return (await this.#ask('operators', [])) as OperatorInfo[];
  }
  async memory(): Promise<api.Memory> {
    return (await this.#ask('memory', [])) as api.Memory;
  }
}
