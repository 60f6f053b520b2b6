// The main job: quantize, open both models, measure. Ends with all that the report and the trial show; the sessions
// belong to the outcome and are released with it.
import type { ModelInfo, QuantizeOptions, QuantizeResult } from '../../bindings/js/types.ts';
import type { Core } from './core.ts';
import type { ImageForm } from './image_form.ts';
import { type Agreement, agreement, type Latency, latency } from './measure.ts';
import type { Watch } from './progress.ts';
import { type SampleSet, sampleSet } from './samples.ts';
import { openSessions, type Sessions } from './sessions.ts';
import { listen } from './stream_run.ts';
import { streamScore } from './stream_score.ts';
import type { StreamOutcome, StreamTask } from './stream_task.ts';

export interface Task {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  info: ModelInfo;
  externalData: Record<string, File>;
  calibration: SampleSet;
  /** Samples to compare float and int8 on: others than those of the calibration, where there are any. */
  check: SampleSet;
  /** Where the samples come from, as a file name. */
  data: string;
  form?: ImageForm | undefined;
  /** Of recordings. */
  stream?: StreamTask | undefined;
  options: Omit<QuantizeOptions, 'calibration' | 'signal' | 'onProgress'>;
}

export interface Outcome extends Pick<QuantizeResult, 'model' | 'report'>, Task {
  sessions: Sessions;
  latency: Latency;
  agreement: Agreement | undefined;
  heard: StreamOutcome | undefined;
}

const kPasses = ['calibrate', 'correct'];

/** The passes over the samples, whose number the page knows. */
function withTotal(task: Task, onProgress: Watch['onProgress']): Watch['onProgress'] {
  const total = Math.min(task.calibration.length, task.options.samples ?? Number.POSITIVE_INFINITY);
  return (progress) =>
    onProgress(kPasses.includes(progress.phase) ? { ...progress, total } : progress);
}

/** Quantizes. An error in making a sample is kept here: on its way through the worker it would lose its parts. */
async function quantize(core: Core, task: Task, watch: Watch): Promise<QuantizeResult> {
  const { bytes, calibration, externalData, options } = task;
  let failure: unknown;
  const at = (index: number) =>
    calibration.at(index).catch((error) => {
      failure = error;
      throw error;
    });
  try {
    const samples = sampleSet(calibration.length, at);
    return await core.quantize(bytes, { ...options, ...watch, externalData, calibration: samples });
  } catch (error) {
    throw failure ?? error;
  }
}

/** Int8 over the recording, against what float said about it. */
async function hear({ int8 }: Sessions, task: StreamTask, watch: Watch): Promise<StreamOutcome> {
  const heard = await listen(int8, task.recording, { ...watch, stream: task.stream });
  return { int8: heard, ...streamScore(task.float, heard) };
}

export async function runTask(
  core: Core,
  task: Task,
  { signal, onProgress }: Watch,
): Promise<Outcome> {
  const watch = { signal, onProgress: withTotal(task, onProgress) };
  const { model, report } = await quantize(core, task, watch);
  onProgress({ phase: 'measure', done: 0 });
  const sessions = await openSessions(core, task, model);
  try {
    const measured = {
      latency: await latency(sessions, task, signal),
      agreement: task.stream ? undefined : await agreement(sessions, task.check, watch),
      heard: task.stream && (await hear(sessions, task.stream, watch)),
    };
    return { ...task, model, report, ...measured, sessions };
  } catch (error) {
    sessions.release();
    throw error;
  }
}
