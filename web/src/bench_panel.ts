// The benchmark's part of the page: the button, its progress, what it has measured so far.
import type { Bench } from './bench/client.ts';
import { kRounds } from './bench/client.ts';
import type { Row } from './bench/rows.ts';
import type { Subject } from './bench/subjects.ts';
import { showRows } from './bench_view.ts';
import { byId, show } from './dom.ts';
import type { Outcome } from './job.ts';
import { showProblem } from './problem.ts';

export interface BenchPanel {
  /** While the main job runs there is none. */
  enable(enabled: boolean): void;
  /** Cancels what runs and waits until it has ended. */
  stop(): Promise<void>;
}

/** The user's model on one of the samples. */
async function subjectOf(outcome: Outcome | undefined): Promise<Subject | undefined> {
  if (!outcome) return undefined;
  const { name, bytes, model, externalData, check } = outcome;
  const feeds = await check.at(0);
  return { name, float: { model: bytes, feeds, externalData }, int8: { model, feeds } };
}

function noteOf({ build, peerMissing }: Bench): string {
  const peer = peerMissing ? ` onnxruntime-web has no bars: ${peerMissing}.` : '';
  return `${build[0]!.toUpperCase()}${build.slice(1)}, one thread; ${kRounds} rounds in turns. Layers are chains of one layer, and their int8 form is exact8.${peer}`;
}

function setBusy(busy: boolean): void {
  show(byId('bench-run'), !busy);
  show(byId('bench-cancel'), busy);
  show(byId('bench-progress'), busy);
}

/** `outcome` gives what the user has quantized, if anything. */
export function connectBench(bench: Bench, outcome: () => Outcome | undefined): BenchPanel {
  const status = byId('bench-status');
  const meter = byId<HTMLProgressElement>('bench-progress');
  let running: { control: AbortController; done: Promise<void> } | undefined;

  const runOnce = async (signal: AbortSignal) => {
    const rows: Row[] = [];
    setBusy(true);
    try {
      const subject = await subjectOf(outcome());
      await bench.run(subject, {
        signal,
        onProgress: (done, name) => {
          if (signal.aborted) return;
          meter.value = done;
          status.textContent = name;
        },
        onRow: (row) => {
          rows.push(row);
          showRows(byId('bench-body'), rows, noteOf(bench));
        },
      });
      status.textContent = signal.aborted ? 'Cancelled.' : 'Done.';
    } catch (error) {
      status.textContent = '';
      showProblem(error);
    } finally {
      setBusy(false);
    }
  };
  byId('bench-run').addEventListener('click', async () => {
    if (running) return;
    const control = new AbortController();
    running = { control, done: runOnce(control.signal) };
    await running.done;
    running = undefined;
  });
  const stop = async () => {
    running?.control.abort();
    await running?.done;
  };
  byId('bench-cancel').addEventListener('click', () => void stop());
  const enable = (enabled: boolean) => {
    byId<HTMLButtonElement>('bench-run').disabled = !enabled;
  };
  enable(true);
  return { enable, stop };
}
