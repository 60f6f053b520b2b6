// A set of samples: so many, each made when asked for. Iterating gives them in order, again in every pass.
import type { Feeds, ValueInfo } from '../../bindings/js/types.ts';
import type { ImageForm } from './image_form.ts';
import { imageFeeds } from './images.ts';

export interface SampleSet extends AsyncIterable<Feeds> {
  readonly length: number;
  at(index: number): Promise<Feeds>;
  /** The right class of each sample, when the file says so. */
  readonly labels?: readonly number[];
}

export function sampleSet(
  length: number,
  at: (index: number) => Promise<Feeds>,
  labels?: readonly number[],
): SampleSet {
  return {
    length,
    at,
    labels,
    async *[Symbol.asyncIterator]() {
      for (let i = 0; i < length; ++i) yield await at(i);
    },
  };
}

/** Image files through the form that holds while they are read. */
export function imageSet(files: readonly File[], form: ImageForm, input: ValueInfo): SampleSet {
  return sampleSet(files.length, (index) => imageFeeds(files[index]!, form, input));
}
