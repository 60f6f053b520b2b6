// Handles of this thread: thin owners of what lives in wasm memory.
import type * as api from './api.ts';
import type { CoreModel, CorePrepared, CoreSession, WasmHandle } from './core.ts';
import { call, EightfoldError } from './errors.ts';
import { Pace } from './pace.ts';
import { fromWire } from './tensors.ts';
import type { Feeds, ModelInfo, Tensor } from './types.ts';

/** Key of the part that lives in wasm memory; only this folder's files have it. */
export const kRaw: unique symbol = Symbol('raw');

// Engines without `using` have no such symbol; a polyfill that comes later finds it by this name.
const kDispose: symbol = Symbol.dispose ?? Symbol.for('Symbol.dispose');

/** Base of all handles: `delete()` twice is as good as once. */
export abstract class Deletable implements api.Handle {
  abstract delete(): void;
  declare [Symbol.dispose]: () => void;
}
Object.defineProperty(Deletable.prototype, kDispose, {
  value(this: Deletable) {
    this.delete();
  },
});

abstract class LocalHandle<T extends WasmHandle> extends Deletable {
  readonly [kRaw]: T;
  constructor(raw: T) {
    super();
    this[kRaw] = raw;
  }
  delete(): void {
    if (!this[kRaw].isDeleted()) this[kRaw].delete();
  }
}

export class LocalModel extends LocalHandle<CoreModel> implements api.Model {
  #info: ModelInfo | undefined;
  get info(): ModelInfo {
    this.#info ??= call(() => this[kRaw].info());
    return this.#info;
  }
  async text(): Promise<string> {
    return call(() => this[kRaw].text());
  }
}

export class LocalPrepared extends LocalHandle<CorePrepared> implements api.PreparedModel {
  async samples(): Promise<number> {
    return call(() => this[kRaw].samples());
  }
}

export class LocalSession extends LocalHandle<CoreSession> implements api.Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  // The run before, whatever became of it.
  #last: Promise<unknown> = Promise.resolve();

  /** `owner` lives as long as its sessions do. */
  constructor(
    raw: CoreSession,
    readonly owner?: object,
  ) {
    super(raw);
    this.inputNames = call(() => raw.inputNames());
    this.outputNames = call(() => raw.outputNames());
  }

  #inTurn<T>(body: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(body);
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #run(feeds: Feeds, options: api.RunOptions): Promise<Record<string, Tensor>> {
    await new Pace(options).drive(this[kRaw], feeds);
    return fromWire(call(() => this[kRaw].finish()));
  }

  run(feeds: Feeds, options: api.RunOptions = {}): Promise<Record<string, Tensor>> {
    return this.#inTurn(() => this.#run(feeds, options));
  }

  profile(feeds: Feeds, options: api.RunOptions = {}): Promise<api.NodeTime[]> {
    return this.#inTurn(async () => {
      call(() => this[kRaw].setProfiling(true));
      try {
        await this.#run(feeds, options);
        return call(() => this[kRaw].nodeTimes());
      } finally {
        call(() => this[kRaw].setProfiling(false));
      }
    });
  }

  async stats(): Promise<api.SessionStats> {
    return call(() => this[kRaw].stats());
  }
}

function refuse(what: string): never {
  const hint = 'Use what the verbs of the same instance returned.';
  throw new EightfoldError('invalid_input', `${what} was expected`, { hint });
}

export function rawModel(model: api.Model): CoreModel {
  return model instanceof LocalModel ? model[kRaw] : refuse('a model');
}

export function rawPrepared(prepared: api.PreparedModel): CorePrepared {
  return prepared instanceof LocalPrepared ? prepared[kRaw] : refuse('a prepared model');
}
