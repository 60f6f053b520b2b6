// Long calls without frozen pages: core work is cut into slices, and between slices other tasks get
// their turn, so that an abort can arrive and progress can be painted.
import type { Stepper } from './core.ts';
import { call, EightfoldError } from './errors.ts';
import { toWire } from './tensors.ts';
import type { Feeds, LongCallOptions, Progress } from './types.ts';

const kSliceMs = 15;

// setTimeout is clamped to 4 ms in browsers; these are not.
function makeTaskQueue(): () => Promise<void> {
  if (typeof setImmediate === 'function') return () => new Promise((done) => setImmediate(done));
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((done) => {
      waiting.push(done);
      port2.postMessage(null);
    });
}

let nextTask: (() => Promise<void>) | undefined;

/** The pace of one long call: when it yields, whether it goes on, whom it tells. */
export class Pace {
  readonly #options: LongCallOptions;
  #sliceEnd = performance.now() + kSliceMs;

  constructor(options: LongCallOptions = {}) {
    this.#options = options;
  }

  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** Throws when the call was aborted. */
  check(): void {
    const { signal } = this.#options;
    if (!signal?.aborted) return;
    throw new EightfoldError('aborted', 'the call was aborted', { cause: signal.reason });
  }

  /** Lets other tasks run when the slice is used up. */
  async pause(): Promise<void> {
    this.check();
    if (performance.now() < this.#sliceEnd) return;
    await this.rest();
  }

  /** Lets other tasks run. */
  async rest(): Promise<void> {
    nextTask ??= makeTaskQueue();
    await nextTask();
    this.#sliceEnd = performance.now() + kSliceMs;
    this.check();
  }

  tell(progress: Progress): void {
    this.#options.onProgress?.(progress);
  }

  /** One verb that cannot be cut: told before and after, with a rest between. */
  async phase<T>(phase: Progress['phase'], body: () => T | Promise<T>): Promise<T> {
    this.tell({ phase, done: 0, total: 1 });
    await this.rest();
    const result = await call(body);
    this.tell({ phase, done: 1, total: 1 });
    return result;
  }

  /** Runs one sample to its end. */
  async drive(stepper: Stepper, feeds: Feeds): Promise<void> {
    this.check();
    call(() => stepper.start(toWire(feeds)));
    while (call(() => stepper.advance(kSliceMs))) await this.rest();
    await this.pause();
  }
}
