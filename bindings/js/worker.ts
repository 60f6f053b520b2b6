// Eightfold in a module worker: the same verbs, and a page that stays smooth.
//
//   import { startWorker } from 'eightfold/worker';
//   const eightfold = await startWorker();
//   const { model, report } = await eightfold.quantize(bytes, { calibration, signal, onProgress });
//
// Abort signals and progress cross over; samples stay on this side and are pulled one by one.
import { type Endpoint, proxy, type Remote, releaseProxy, wrap } from 'comlink';
import type * as api from './api.ts';
import { EightfoldError, toEightfoldError } from './errors.ts';
import { Deletable } from './handles.ts';
import { Replay } from './samples.ts';
import { copyFeeds } from './tensors.ts';
import type {
  Feeds,
  Format,
  InitOptions,
  LongCallOptions,
  ModelInfo,
  QuantizeOptions,
  QuantizeResult,
  Samples,
  Tensor,
} from './types.ts';
import {
  type Answer,
  type DeskApi,
  type HandleFacts,
  type HandleRef,
  kSamplesHere,
  type Request,
  type SampleSource,
} from './worker_protocol.ts';

export type * from './api.ts';
export { EightfoldError } from './errors.ts';
export type * from './types.ts';

function sourceOf(replay: Replay): SampleSource {
  const walks = new Map<number, AsyncIterator<Feeds>>();
  let last = 0;
  return {
    total: replay.total,
    open() {
      walks.set(++last, replay[Symbol.asyncIterator]());
      return last;
    },
    async next(walk) {
      const result = await walks.get(walk)?.next();
      return !result || result.done ? null : copyFeeds(result.value);
    },
    async close(walk) {
      await walks.get(walk)?.return?.();
      walks.delete(walk);
    },
  };
}

function unwrap(answer: Answer): unknown {
  if ('error' in answer) throw toEightfoldError(answer.error);
  return answer.value;
}

interface Call {
  target?: HandleRef;
  long?: LongCallOptions | undefined;
  samples?: Replay;
}

/** Sends calls to the desk. */
class Line {
  readonly #desk: Remote<DeskApi>;
  #nextId = 1;

  constructor(desk: Remote<DeskApi>) {
    this.#desk = desk;
  }

  async call(method: string, args: unknown[], { target, long, samples }: Call = {}) {
    const { signal, onProgress } = long ?? {};
    if (signal?.aborted) throw new EightfoldError('aborted', 'the call was aborted');
    const id = this.#nextId++;
    const abort = () => void this.#desk.abort(id);
    signal?.addEventListener('abort', abort);
    const request: Request = { id, method, args, isLong: long !== undefined };
    if (target) request.target = target;
    // A user's callback may run after the call: the last messages are still on their way.
    const tell = onProgress ? proxy(onProgress) : null;
    const source = samples ? proxy(sourceOf(samples)) : null;
    try {
      return unwrap(await this.#desk.call(request, tell, source));
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  free(handle: HandleRef): void {
    void this.#desk.free(handle);
  }
}

abstract class RemoteHandle extends Deletable implements HandleRef {
  readonly eightfoldHandle: number;
  protected readonly line: Line;
  constructor(line: Line, { eightfoldHandle }: HandleFacts) {
    super();
    this.line = line;
    this.eightfoldHandle = eightfoldHandle;
  }
  protected ask(method: string, args: unknown[] = [], long?: LongCallOptions) {
    return this.line.call(method, args, { target: refOf(this), long });
  }
  delete(): void {
    this.line.free(refOf(this));
  }
}

const refOf = ({ eightfoldHandle }: HandleRef): HandleRef => ({ eightfoldHandle });

class RemoteModel extends RemoteHandle implements api.Model {
  readonly info: ModelInfo;
  constructor(line: Line, facts: HandleFacts) {
    super(line, facts);
    this.info = facts.info!;
  }
  text = () => this.ask('text') as Promise<string>;
}

class RemotePrepared extends RemoteHandle implements api.PreparedModel {
  samples = () => this.ask('samples') as Promise<number>;
}

class RemoteSession extends RemoteHandle implements api.Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  constructor(line: Line, facts: HandleFacts) {
    super(line, facts);
    this.inputNames = facts.inputNames!;
    this.outputNames = facts.outputNames!;
  }
  async run(feeds: Feeds, { signal }: api.RunOptions = {}): Promise<Record<string, Tensor>> {
    const long = signal ? { signal } : {};
    return (await this.ask('run', [copyFeeds(feeds), {}], long)) as Record<string, Tensor>;
  }
  async profile(feeds: Feeds, { signal }: api.RunOptions = {}): Promise<api.NodeTime[]> {
    const long = signal ? { signal } : {};
    return (await this.ask('profile', [copyFeeds(feeds), {}], long)) as api.NodeTime[];
  }
  stats = () => this.ask('stats') as Promise<api.SessionStats>;
}

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

/** Eightfold behind any Comlink endpoint whose other end runs worker_main. `stop` ends it. */
export async function connect(
  endpoint: Endpoint,
  options: InitOptions = {},
  stop: () => void = () => {},
): Promise<RemoteEightfold> {
  const desk = wrap<DeskApi>(endpoint);
  const url = options.wasmUrl;
  const sent = url === undefined ? options : { ...options, wasmUrl: String(url) };
  try {
    const build = unwrap(await desk.init(sent)) as api.Eightfold['build'];
    const end = () => {
      desk[releaseProxy]();
      stop();
    };
    return new RemoteEightfold(new Line(desk), build, end);
  } catch (error) {
    stop();
    throw error;
  }
}

/** Starts a module worker with an instance of its own. */
export async function startWorker(options: InitOptions = {}): Promise<RemoteEightfold> {
  const worker = new Worker(new URL('./worker_main.js', import.meta.url), { type: 'module' });
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      reject(
        new EightfoldError('internal', `the worker did not start: ${event.message ?? ''}`, {
          hint: 'Serve the worker script from the same origin as the page.',
        }),
      );
    });
  });
  return Promise.race([connect(worker, options, () => worker.terminate()), failed]);
}
