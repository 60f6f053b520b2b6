// Feeds samples through a runner in batches and cuts the outputs back into one Answer per sample.

import type { Runner } from './runners.ts';
import type { Samples } from './samples.ts';
import { type Answer, type Feeds, stack, unstack } from './tensor.ts';

/** How a model takes one sample: input name, the dims after the batch axis, samples per run. */
export interface InputForm {
  readonly input: string;
  readonly dims: readonly number[];
  readonly batch: number;
}

export function* feedsOf(samples: Samples, { input, dims, batch }: InputForm): Generator<Feeds> {
  for (let first = 0; first < samples.count; first += batch) {
    const count = Math.min(batch, samples.count - first);
    yield {
      [input]: stack(
        Array.from({ length: count }, (_, n) => samples.at(first + n)),
        dims,
      ),
    };
  }
}

/** Calibration feeds, one sample each: what a user of the API would write. */
export async function* calibrationFeeds(samples: Samples, form: InputForm): AsyncGenerator<Feeds> {
  yield* feedsOf(samples, { ...form, batch: 1 });
}

export async function evaluate(
  runner: Runner,
  samples: Samples,
  form: InputForm,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const feeds of feedsOf(samples, form)) {
    const outputs = await runner.run(feeds);
    answers.push(...unstack(outputs, feeds[form.input]!.dims[0]!));
  }
  return answers;
}
