// The verbs of api.ts, sent to the worker.
import type * as api from '../api.ts';
import { EightfoldError } from '../errors.ts';
import { Replay } from '../samples.ts';
import type {
  Format,
  LongCallOptions,
  ModelInfo,
  QuantizeOptions,
  QuantizeResult,
  Samples,
} from '../types.ts';
import type { Call, Line } from './line.ts';
import { type HandleFacts, kSamplesHere } from './protocol.ts';
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

/** External data by name; a callback cannot be asked from a worker. */
function checkLoad(options: api.LoadOptions | undefined): void {
  if (typeof options?.externalData !== 'function') return;
  throw new EightfoldError('invalid_config', 'a worker takes externalData by name, not a callback');
}

export class RemoteEightfold implements api.Eightfold {
  readonly build: { readonly variant: string; readonly isa: string };
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
  async #model(method: string, args: unknown[]): Promise<api.Model> {
    return new RemoteModel(this.#line, (await this.#ask(method, args)) as HandleFacts);
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
    checkLoad(options);
    return this.#model('loadModel', [bytes, options]);
  }
  async inspect(model: api.ModelSource, options?: api.LoadOptions): Promise<ModelInfo> {
    checkLoad(options);
    return (await this.#ask('inspect', [model, options])) as ModelInfo;
  }
  fuse(model: api.Model, options?: { backend?: string }): Promise<api.Model> {
    return this.#model('fuse', [model, options]);
  }
  async prepare(fused: api.Model, options?: api.PrepareOptions): Promise<api.PreparedModel> {
    const facts = (await this.#ask('prepare', [fused, options])) as HandleFacts;
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
  convert(prepared: api.PreparedModel): Promise<api.Model> {
    return this.#model('convert', [prepared]);
  }
  lower(quantized: api.Model): Promise<api.Model> {
    return this.#model('lower', [quantized]);
  }
  async toOnnx(model: api.Model, options?: { format?: Format }): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#ask('toOnnx', [model, options])) as Uint8Array<ArrayBuffer>;
  }
  async createSession(model: api.ModelSource, options?: api.LoadOptions): Promise<api.Session> {
    checkLoad(options);
    const facts = (await this.#ask('createSession', [model, options])) as HandleFacts;
    return new RemoteSession(this.#line, facts);
  }
  async quantize(
    model: api.ModelSource,
    options: QuantizeOptions & api.LoadOptions,
  ): Promise<QuantizeResult> {
    checkLoad(options);
    const samples = new Replay(options.calibration, options.samples);
    const sent = { ...plain(options), calibration: kSamplesHere };
    const call = { long: options, samples };
    return (await this.#ask('quantize', [model, sent], call)) as QuantizeResult;
  }
  async compare(
    float: api.ModelSource,
    quantized: api.ModelSource,
    samples: Samples,
    options: api.CalibrateOptions = {},
  ): Promise<api.Comparison> {
    return (await this.#pass('compare', [float, quantized], samples, options)) as api.Comparison;
  }
  async backendNames(): Promise<string[]> {
    return (await this.#ask('backendNames', [])) as string[];
  }
  async observerNames(): Promise<string[]> {
    return (await this.#ask('observerNames', [])) as string[];
  }
  async memory(): Promise<api.Memory> {
    return (await this.#ask('memory', [])) as api.Memory;
  }
}
