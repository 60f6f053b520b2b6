// The page's course: load the core and the example, take files, run the job, show the report and the trial.
import { startBench } from './bench/client.ts';
import { type BenchPanel, connectBench } from './bench_panel.ts';
import { type Chosen, choose, imageInput, kNothing, sampleSets, showChosen } from './chosen.ts';
import { type Core, startCore } from './core.ts';
import { byId, show } from './dom.ts';
import { type Example, fetchExample } from './example.ts';
import { type Delivery, watchFiles } from './inbox.ts';
import { type Outcome, runTask, type Task } from './job.ts';
import {
  clearExcluded,
  fillLists,
  isExcluded,
  readImageForm,
  readOptions,
  setExcluded,
  showImageForm,
  suggestOps,
  watchMode,
} from './options_form.ts';
import { clearProblem, isAbort, showProblem } from './problem.ts';
import { setBusy, setStatus, showProgress, type Watch } from './progress.ts';
import { showReport } from './report_view.ts';
import { showStreamForm, watchStreamForm } from './stream_form.ts';
import { streamSets } from './stream_task.ts';
import { hideTrial, showTrial } from './trial.ts';

let chosen: Chosen = kNothing;
let outcome: Outcome | undefined;
let running: { control: AbortController; done: Promise<void> } | undefined;
let bench: BenchPanel | undefined;
let deliveries: Promise<unknown> = Promise.resolve();

/** What is missing before the job can start. */
function missing(): string {
  if (!chosen.model) return 'Add a model.';
  const samples = chosen.arrays.length + chosen.images.length + chosen.recordings.length;
  return samples
    ? ''
    : 'Add samples: images, a recording, or an .npz of arrays named as the inputs.';
}

/** A new model makes the old report and the old exclusions void. */
function forgetOutcome(): void {
  show(byId('report'), false);
  hideTrial();
  outcome?.sessions.release();
  outcome = undefined;
}

function showForms({ model, images, recordings }: Chosen): void {
  if (!model) return;
  suggestOps(model.info);
  showImageForm(images.length ? imageInput(model.info)?.[1] : undefined);
  showStreamForm(recordings.length ? model.info : undefined);
}

/** Cancels what runs and waits until it has ended. */
async function stop(): Promise<void> {
  running?.control.abort();
  await running?.done;
}

/** Takes files; true when they were understood. */
async function take(core: Core, delivery: Delivery): Promise<boolean> {
  await stop();
  clearProblem();
  try {
    chosen = await choose(core, chosen, delivery);
  } catch (error) {
    showProblem(error);
    return false;
  }
  if (delivery.model) {
    forgetOutcome();
    clearExcluded();
  }
  showChosen(chosen);
  showForms(chosen);
  byId<HTMLButtonElement>('run').disabled = missing() !== '';
  return true;
}

async function currentTask(core: Core, watch: Watch): Promise<Task | undefined> {
  const { model, recordings } = chosen;
  const sets =
    model && recordings.length
      ? await streamSets(core, model, recordings, watch)
      : sampleSets(chosen, readImageForm);
  return model && sets && { ...model, ...sets, options: readOptions() };
}

function showOutcome(): void {
  if (!outcome) return;
  showReport(outcome, {
    excluded: isExcluded,
    onExclude: (layer, exclude) => {
      setExcluded(layer, exclude);
      setStatus('Options changed: quantize again to see the effect.');
    },
  });
  showTrial(outcome);
}

async function runOnce(core: Core, signal: AbortSignal): Promise<void> {
  clearProblem();
  setStatus('');
  setBusy(true);
  bench?.enable(false);
  try {
    const watch = { signal, onProgress: showProgress };
    const task = await currentTask(core, watch);
    if (!task) return;
    const fresh = await runTask(core, task, watch);
    outcome?.sessions.release();
    outcome = fresh;
    setStatus('Done.');
    showOutcome();
    byId('report').scrollIntoView({ block: 'start' });
  } catch (error) {
    setStatus(isAbort(error) ? 'Cancelled.' : '');
    if (!isAbort(error)) showProblem(error);
  } finally {
    setBusy(false);
    bench?.enable(true);
    byId('run').textContent = outcome ? 'Quantize again' : 'Quantize';
  }
}

async function quantize(core: Core): Promise<void> {
  if (running) return;
  await bench?.stop();
  if (running) return;
  const control = new AbortController();
  const done = runOnce(core, control.signal);
  running = { control, done };
  await done;
  running = undefined;
}

/** One delivery after another: a second one waits until the first is understood. */
function deliver(core: Core, delivery: Delivery): Promise<boolean> {
  setStatus('Reading files');
  const taken = deliveries.then(() => take(core, delivery)).finally(() => setStatus(missing()));
  deliveries = taken;
  return taken;
}

function connect(core: Core, example: Example): void {
  fillLists(core);
  watchMode();
  watchStreamForm(() => chosen.model?.info);
  watchFiles((delivery) => void deliver(core, delivery), showProblem);
  byId('options').addEventListener('submit', (event) => {
    event.preventDefault();
    void quantize(core);
  });
  byId('cancel').addEventListener('click', () => running?.control.abort());
  byId('example').addEventListener('click', async () => {
    if (await deliver(core, { ...example, images: [], recordings: [] })) await quantize(core);
  });
  for (const id of ['files', 'example']) byId<HTMLButtonElement>(id).disabled = false;
}

/** The page is of use without its benchmark. */
async function startBenchmark(): Promise<void> {
  try {
    bench = connectBench(await startBench(), () => outcome);
  } catch (error) {
    byId('bench-status').textContent = error instanceof Error ? error.message : String(error);
  }
}

function setReady(state: 'ready' | 'failed', text: string): void {
  const pill = byId('ready');
  pill.dataset.state = state;
  pill.textContent = text;
}

async function start(): Promise<void> {
  try {
    const [core, example] = await Promise.all([startCore(), fetchExample(), startBenchmark()]);
    connect(core, example);
    setReady('ready', 'ready, works offline');
    byId('ready').title = core.build;
  } catch (error) {
    setReady('failed', 'could not start');
    showProblem(error);
  }
}

void start();
