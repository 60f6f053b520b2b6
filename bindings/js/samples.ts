// Samples: arrays, generators, streams. Passes that need the data twice pull it twice when they can.
import { EightfoldError } from './errors.ts';
import { copyFeeds } from './tensors.ts';
import type { Feeds, Samples } from './types.ts';

type AnyIterator = AsyncIterator<Feeds> | Iterator<Feeds>;

function iteratorOf(samples: Samples): AnyIterator {
  const source = samples as Partial<AsyncIterable<Feeds> & Iterable<Feeds>> | null | undefined;
  const iterator = source?.[Symbol.asyncIterator]?.() ?? source?.[Symbol.iterator]?.();
  if (iterator) return iterator;
  throw new EightfoldError(
    'invalid_input',
    'samples must be an array or an (async) iterable of feeds',
  );
}

async function* limited(samples: Samples, limit: number): AsyncGenerator<Feeds> {
  if (limit <= 0) return;
  let taken = 0;
  for await (const feeds of samples) {
    yield feeds;
    if (++taken >= limit) return;
  }
}

/** What was given, cut to `limit` samples, as something that can be walked again and again. */
export class Replay implements AsyncIterable<Feeds> {
  /** Number of samples, when it is known before they are pulled. */
  readonly total: number | undefined;
  readonly #source: Samples;
  readonly #limit: number;
  readonly #kept: Feeds[] | undefined;
  #rest: AsyncIterator<Feeds> | undefined;

  constructor(samples: Samples, limit = Number.POSITIVE_INFINITY) {
    const iterator = iteratorOf(samples);
    // An iterator that is its own iterable (a generator, a stream) can be walked only once: it is
    // kept in JavaScript's memory on the way.
    const oneShot = (iterator as unknown) === samples;
    this.#source = samples;
    this.#limit = limit;
    this.#kept = oneShot ? [] : undefined;
    const length = Array.isArray(samples) ? samples.length : undefined;
    this.total = length === undefined ? undefined : Math.min(length, limit);
  }

  [Symbol.asyncIterator](): AsyncIterator<Feeds> {
    return this.#kept ? this.#keep(this.#kept) : limited(this.#source, this.#limit);
  }

  async *#keep(kept: Feeds[]): AsyncGenerator<Feeds> {
    this.#rest ??= limited(this.#source, this.#limit);
    for (let i = 0; ; i++) {
      if (i === kept.length) {
        const next = await this.#rest.next();
        if (next.done) return;
        kept.push(copyFeeds(next.value));
      }
      yield kept[i]!;
    }
  }
}
