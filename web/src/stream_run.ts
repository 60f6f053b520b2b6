// A model run over a recording, window by window, its states fed forward. The float run is also where the samples to
// calibrate with come from: what it was fed at every few windows.
import { type AudioStream, audioFeeds, runStream, windowCount } from '../../bindings/js/stream.ts';
import type { Feeds } from '../../bindings/js/types.ts';
import type { Core, Runner } from './core.ts';
import { PageError } from './problem.ts';
import type { Watch } from './progress.ts';
import type { Recording } from './recording.ts';
import { type SampleSet, sampleSet } from './samples.ts';

const kEvery = 8;
const kMostSamples = 256;

export interface Listening extends Watch {
  stream: AudioStream;
  /** Called with what was fed at each window. */
  onFeeds?: (feeds: Feeds, index: number) => void;
}

/** The probability of each window. */
export async function listen(
  runner: Runner,
  { name, signal }: Recording,
  { stream, signal: abort, onProgress, onFeeds }: Listening,
): Promise<Float32Array> {
  const total = windowCount(stream, signal.length);
  const heard = new Float32Array(total);
  let done = 0;
  for await (const { feeds, outputs } of runStream(runner, stream, audioFeeds(stream, signal))) {
    abort.throwIfAborted();
    const { data } = outputs[stream.output]!;
    heard[done] = Number(data[data.length - 1]);
    onFeeds?.(feeds, done);
    onProgress({ phase: 'listen', done: ++done, total, node: name });
  }
  return heard;
}

/** Every eighth window; fewer of a long recording. */
function stepOf(windows: number): number {
  return Math.max(1, Math.min(kEvery, windows >> 3), Math.ceil(windows / kMostSamples));
}

export interface FloatModel {
  bytes: Uint8Array;
  externalData: Record<string, File>;
}

export interface StreamSamples {
  calibration: SampleSet;
  /** Windows from one sample to the next. */
  every: number;
  /** The probability of each window. */
  float: Float32Array;
}

/** Runs the float model over a recording and keeps samples of what it was fed. */
export async function recordFeeds(
  core: Core,
  { bytes, externalData }: FloatModel,
  recording: Recording,
  listening: Listening,
): Promise<StreamSamples> {
  const windows = windowCount(listening.stream, recording.signal.length);
  if (windows === 0)
    throw new PageError('invalid_input', `${recording.name} is shorter than one window`);
  const every = stepOf(windows);
  const kept: Feeds[] = [];
  const runner = await core.open(bytes, { externalData });
  try {
    const onFeeds = (feeds: Feeds, index: number) => {
      if (index % every === 0) kept.push(feeds);
    };
    const float = await listen(runner, recording, { ...listening, onFeeds });
    return { calibration: sampleSet(kept.length, async (index) => kept[index]!), every, float };
  } finally {
    runner.delete();
  }
}
