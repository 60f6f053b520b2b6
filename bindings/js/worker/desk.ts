// The worker's side: one instance of Eightfold, its handles by number, its running calls by number.
import { proxy, transfer } from 'comlink';
import type { Eightfold, Handle, Model, Session } from '../api.ts';
import { Config } from '../config/base.ts';
import { BackendWire } from '../config/wire.ts';
import { EightfoldError, partsOf, toEightfoldError } from '../errors.ts';
import { ExternalThere } from '../external.ts';
import { LocalModel, LocalSession } from '../handles.ts';
import { createInstance } from '../local.ts';
import type { Feeds, InitOptions, Progress } from '../types.ts';
import {
  type Answer,
  type AskExternal,
  type Asked,
  type BackendThere,
  type DeskApi,
  type ExternalHere,
  type HandleFacts,
  type HandleRef,
  isBackendThere,
  isExternalHere,
  isHandleRef,
  isSamplesHere,
  type Request,
  type SampleSource,
} from './protocol.ts';

/** Samples that are asked for one by one, again for each walk. */
class PulledSamples implements AsyncIterable<Feeds> {
  readonly #source: SampleSource;
  constructor(source: SampleSource) {
    this.#source = source;
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Feeds> {
    const walk = await this.#source.open();
    try {
      for (;;) {
        const feeds = await this.#source.next(walk);
        if (!feeds) return;
        yield feeds;
      }
    } finally {
      await this.#source.close(walk);
    }
  }
}

function factsOf(handle: Handle, id: number): HandleFacts {
  if (handle instanceof LocalModel) {
    return { eightfoldHandle: id, kind: 'model', info: (handle as Model).info };
  }
  if (handle instanceof LocalSession) {
    const { inputNames, outputNames } = handle as Session;
    return { eightfoldHandle: id, kind: 'session', inputNames, outputNames };
  }
  return { eightfoldHandle: id, kind: 'prepared' };
}

const isHandle = (value: unknown): value is Handle =>
  typeof (value as Partial<Handle> | null)?.delete === 'function';

/** The memory of a value's typed arrays, to be moved instead of copied. */
function buffersOf(value: unknown, depth = 2): ArrayBuffer[] {
  if (value instanceof Uint8Array) return [value.buffer as ArrayBuffer];
  if (ArrayBuffer.isView(value)) return [value.buffer as ArrayBuffer];
  if (depth === 0 || typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((part) => buffersOf(part, depth - 1));
}

async function answer(body: () => Promise<unknown>): Promise<Answer> {
  try {
    const value = await body();
    return transfer({ value }, [...new Set(buffersOf(value))]);
  } catch (thrown) {
    return { error: partsOf(toEightfoldError(thrown)) };
  }
}

function backendOf({ eightfoldBackend, functions }: BackendThere, asked: Asked | null) {
  return new BackendWire(eightfoldBackend, functions, async (questions) => {
    const replies = await asked!(questions);
    // The client has the error itself.
    if (!replies) throw new EightfoldError('callback_failed', 'a function of the caller failed');
    return replies;
  });
}

function externalOf({ eightfoldExternal }: ExternalHere, external: AskExternal | null) {
  const files = Object.entries(eightfoldExternal).map(([name, file]) => [
    name,
    typeof file === 'string' ? new URL(file) : file,
  ]);
  return new ExternalThere(Object.fromEntries(files), external ?? (async () => null));
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

type Create = (options: InitOptions) => Promise<Eightfold>;

class Desk implements DeskApi {
  readonly #create: Create;
  #instance: Eightfold | undefined;
  #nextId = 1;
  readonly #handles = new Map<number, Handle>();
  readonly #running = new Map<number, AbortController>();

  constructor(create: Create) {
    this.#create = create;
  }

  init(options: InitOptions): Promise<Answer> {
    return answer(async () => {
      this.#instance = await this.#create(options);
      return this.#instance.build;
    });
  }

  call(
    request: Request,
    onProgress: ((progress: Progress) => void) | null,
    samples: SampleSource | null,
    asked: Asked | null,
    external: AskExternal | null,
  ): Promise<Answer> {
    const { id, method, args, isLong } = request;
    return answer(async () => {
      const target = (request.target ? this.#held(request.target) : this.#instance) as unknown;
      const ready = args.map((arg) => this.#decode(arg, samples, asked, external));
      const controller = new AbortController();
      this.#running.set(id, controller);
      if (isLong) {
        const tell = onProgress ? { onProgress: (p: Progress) => void onProgress(p) } : {};
        const options = ready.pop() as object | undefined;
        ready.push({ ...options, signal: controller.signal, ...tell });
      }
      try {
        return this.#encode(await (target as Methods)[method]!(...ready));
      } finally {
        this.#running.delete(id);
      }
    });
  }

  abort(id: number): void {
    this.#running.get(id)?.abort();
  }

  free(handle: HandleRef): void {
    this.#handles.get(handle.eightfoldHandle)?.delete();
    this.#handles.delete(handle.eightfoldHandle);
  }

  #held({ eightfoldHandle }: HandleRef): Handle {
    const handle = this.#handles.get(eightfoldHandle);
    if (handle) return handle;
    throw new EightfoldError('invalid_state', 'the handle was deleted', {
      hint: 'A deleted model or session cannot be used any more.',
    });
  }

  #decode(
    arg: unknown,
    samples: SampleSource | null,
    asked: Asked | null = null,
    external: AskExternal | null = null,
  ): unknown {
    if (isHandleRef(arg)) return this.#held(arg);
    if (isSamplesHere(arg)) return samples ? new PulledSamples(samples) : undefined;
    const { calibration, backend, externalData } = (arg ?? {}) as Record<string, unknown>;
    const changed: Record<string, unknown> = {};
    if (isSamplesHere(calibration)) changed.calibration = this.#decode(calibration, samples);
    if (isExternalHere(externalData)) changed.externalData = externalOf(externalData, external);
    if (isBackendThere(backend)) changed.backend = backendOf(backend, asked);
    return Object.keys(changed).length ? { ...(arg as object), ...changed } : arg;
  }

  #encode(value: unknown): unknown {
    if (value instanceof Config) return value.toJSON();
    if (!isHandle(value)) return value;
    const id = this.#nextId++;
    this.#handles.set(id, value);
    return factsOf(value, id);
  }
}

/** What a worker exposes to its page. */
export const makeDesk = (create: Create = createInstance): DeskApi => proxy(new Desk(create));
