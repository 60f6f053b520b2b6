// Feeds samples through a runner in batches and cuts the outputs back into one Answer per sample. A
// streaming model takes one sample per step, and what it hands back is fed again at the next one.
import { runStream, type Stream, startOf } from '../../bindings/js/stream.ts';
import type { Feeds as PublicFeeds } from '../../bindings/js/types.ts';
import { ortWeb, type Runner } from './runners.ts';
import type { Samples } from './samples.ts';
import { type Answer, type Feeds, stack, unstack } from './tensor.ts';

/** How a model takes one sample: input name, the dims after the batch axis, samples per run. */
export interface InputForm {
  readonly input: string;
  readonly dims: readonly number[];
  readonly batch: number;
  /** The samples are whole numbers, fed as int64. */
  readonly integers?: boolean;
  readonly stream?: Stream;
}

const kStateless: Stream = { fixed: {}, state: {} };

/** Feeds that need no run before them: of a streaming model, each as if it were the first. */
export function* feedsOf(samples: Samples, form: InputForm): Generator<Feeds> {
  const { input, dims, batch, integers, stream } = form;
  const beside = startOf(stream ?? kStateless) as Feeds;
  for (let first = 0; first < samples.count; first += batch) {
    const count = Math.min(batch, samples.count - first);
    const floats = stack(
      Array.from({ length: count }, (_, n) => samples.at(first + n)),
      dims,
    );
    const tensor = integers
      ? { ...floats, type: 'int64', data: BigInt64Array.from(floats.data as Float32Array, BigInt) }
      : floats;
    yield { ...beside, [input]: tensor };
  }
}

/** The feeds as they are run, with what came of them. */
function runs(runner: Runner, samples: Samples, form: InputForm) {
  const steps = feedsOf(samples, form) as Generator<PublicFeeds>;
  const run = (feeds: PublicFeeds) => runner.run(feeds as Feeds) as Promise<PublicFeeds>;
  return runStream({ run }, form.stream ?? kStateless, steps) as AsyncGenerator<{
    feeds: Feeds;
    outputs: Feeds;
  }>;
}

/**
 * Calibration feeds, one sample each: what a user of the API would write. Those of a streaming model
 * are the steps of a run of the float model.
 */
export async function* calibrationFeeds(
  model: Uint8Array,
  samples: Samples,
  form: InputForm,
): AsyncGenerator<Feeds> {
  if (!form.stream) {
    yield* feedsOf(samples, { ...form, batch: 1 });
    return;
  }
  const runner = await ortWeb.open(model);
  try {
    for await (const { feeds } of runs(runner, samples, form)) yield feeds;
  } finally {
    await runner.close();
  }
}

export async function evaluate(
  runner: Runner,
  samples: Samples,
  form: InputForm,
): Promise<Answer[]> {
  const caches = new Set(Object.values(form.stream?.state ?? {}).map(({ from }) => from));
  const answers: Answer[] = [];
  for await (const { feeds, outputs } of runs(runner, samples, form)) {
    const kept = Object.entries(outputs).filter(([name]) => !caches.has(name));
    answers.push(...unstack(Object.fromEntries(kept), feeds[form.input]!.dims[0]!));
  }
  return answers;
}
