// Calls to the desk in the worker: signals and progress cross over, samples stay here and are pulled.
import { proxy, type Remote, transfer } from 'comlink';
import type { Ask } from '../config/wire.ts';
import { EightfoldError, toEightfoldError } from '../errors.ts';
import type { Replay } from '../samples.ts';
import { copyFeeds } from '../tensors.ts';
import type { Feeds, LongCallOptions } from '../types.ts';
import type { Answer, AskExternal, DeskApi, HandleRef, Request, SampleSource } from './protocol.ts';

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

export function unwrap(answer: Answer): unknown {
  if ('error' in answer) throw toEightfoldError(answer.error);
  return answer.value;
}

export interface Call {
  target?: HandleRef;
  long?: LongCallOptions | undefined;
  samples?: Replay;
  /** Answers for the functions of a backend. */
  ask?: Ask | undefined;
  /** Answers for external data. */
  external?: AskExternal;
}

/** Sends calls to the desk. */
export class Line {
  readonly #desk: Remote<DeskApi>;
  #nextId = 1;

  constructor(desk: Remote<DeskApi>) {
    this.#desk = desk;
  }

  async call(method: string, args: unknown[], { target, long, samples, ask, external }: Call = {}) {
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
    let failure: { error: unknown } | undefined;
    const kept = (error: unknown) => {
      failure = { error };
      return null;
    };
    const asked = ask && proxy((questions: Parameters<Ask>[0]) => ask(questions).catch(kept));
    const read =
      external &&
      proxy(async (...part: Parameters<AskExternal>) => {
        const bytes = await external(...part).catch(kept);
        return bytes && transfer(bytes, [bytes.buffer as ArrayBuffer]);
      });
    try {
      return unwrap(await this.#desk.call(request, tell, source, asked ?? null, read ?? null));
    } catch (error) {
      // What a function threw stays what it is.
      throw failure ? failure.error : error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  free(handle: HandleRef): void {
    void this.#desk.free(handle);
  }
}
