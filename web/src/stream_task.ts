// From dropped recordings to what the job needs: samples to calibrate with, and what float says about the recording
// to check on: the second one, where two were given.
import type { AudioStream } from '../../bindings/js/stream.ts';
import type { ModelInfo } from '../../bindings/js/types.ts';
import type { Core } from './core.ts';
import type { Watch } from './progress.ts';
import { type Recording, readRecording } from './recording.ts';
import type { SampleSet } from './samples.ts';
import { readStreamForm } from './stream_form.ts';
import { type FloatModel, recordFeeds } from './stream_run.ts';
import type { StreamScore } from './stream_score.ts';

export interface StreamTask {
  stream: AudioStream;
  /** Where the samples to calibrate with come from, and how many windows apart. */
  calibrated: { name: string; every: number };
  /** The recording to check on, with float's probabilities. */
  recording: Recording;
  float: Float32Array;
}

export interface StreamOutcome extends StreamScore {
  int8: Float32Array;
}

export interface StreamChoice {
  calibration: SampleSet;
  check: SampleSet;
  data: string;
  stream: StreamTask;
}

/** Reads at most two recordings, runs the float model over each. */
export async function streamSets(
  core: Core,
  model: FloatModel & { info: ModelInfo },
  files: readonly File[],
  watch: Watch,
): Promise<StreamChoice> {
  const stream = readStreamForm(model.info);
  const hear = async (file: File) => {
    watch.onProgress({ phase: 'decode', done: 0, node: file.name });
    const recording = await readRecording(file, stream.rate);
    return { recording, ...(await recordFeeds(core, model, recording, { ...watch, stream })) };
  };
  const first = await hear(files[0]!);
  const last = files[1] ? await hear(files[1]) : first;
  const { name } = first.recording;
  return {
    calibration: first.calibration,
    check: last.calibration,
    data: name,
    stream: {
      stream,
      calibrated: { name, every: first.every },
      recording: last.recording,
      float: last.float,
    },
  };
}
