// A progress bar on stderr where stderr is a terminal, and Ctrl+C as an abort.
import { Presets, SingleBar } from 'cli-progress';
import type { LongCallOptions, Phase, Progress } from '../types.ts';

const kTitles: Record<Phase, string> = {
  load: 'loading',
  fuse: 'fusing',
  prepare: 'preparing',
  calibrate: 'calibrating',
  correct: 'correcting biases',
  convert: 'converting',
  lower: 'lowering',
  compare: 'comparing',
  export: 'writing',
};

class Bar {
  #bar: SingleBar | undefined;
  #phase: Phase | undefined;

  update({ phase, done, total = 0 }: Progress): void {
    if (!this.#bar || phase !== this.#phase) this.#begin(phase, total);
    this.#bar?.update(done);
  }

  #begin(phase: Phase, total: number): void {
    this.stop();
    this.#phase = phase;
    const format = total > 0 ? '{title} {bar} {value}/{total}' : '{title} {value}';
    const options = { format, stream: process.stderr, clearOnComplete: true, hideCursor: true };
    this.#bar = new SingleBar(options, Presets.shades_classic);
    this.#bar.start(total, 0, { title: kTitles[phase].padEnd(17) });
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

/** Runs a long call with progress; the first Ctrl+C aborts it, a second one kills. */
export async function withProgress<T>(body: (options: LongCallOptions) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const bar = process.stderr.isTTY ? new Bar() : undefined;
  const abort = () => controller.abort();
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  try {
    const onProgress = bar ? (progress: Progress) => bar.update(progress) : undefined;
    return await body({ signal: controller.signal, ...(onProgress && { onProgress }) });
  } finally {
    bar?.stop();
    process.off('SIGINT', abort);
    process.off('SIGTERM', abort);
  }
}
