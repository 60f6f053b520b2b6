// The line under the options: what is at work, how far it is, and the button that cancels it.
import type { Progress } from '../../bindings/js/types.ts';
import { byId, show } from './dom.ts';

const kPhases: Record<Step['phase'], string> = {
  load: 'Reading the model',
  fuse: 'Fusing',
  prepare: 'Preparing',
  calibrate: 'Calibrating',
  correct: 'Correcting means',
  convert: 'Converting',
  lower: 'Lowering',
  compare: 'Comparing',
  export: 'Writing',
  measure: 'Measuring',
  decode: 'Decoding',
  listen: 'Listening, window',
};

export function setStatus(text: string): void {
  byId('status').textContent = text;
}

/** The package's phases, and the page's own. */
export type Step = Omit<Progress, 'phase'> & {
  phase: Progress['phase'] | 'measure' | 'decode' | 'listen';
};

export interface Watch {
  signal: AbortSignal;
  onProgress(step: Step): void;
}

export function showProgress({ phase, done, total, node }: Step): void {
  const meter = byId<HTMLProgressElement>('progress');
  if (total && total > 1) meter.value = done / total;
  else meter.removeAttribute('value');
  const amount = total && total > 1 ? ` ${done} of ${total}` : '';
  setStatus(`${kPhases[phase]}${amount}${node ? `: ${node}` : ''}`);
}

/** Shows the meter and the cancel button while something runs, the run button otherwise. */
export function setBusy(busy: boolean): void {
  show(byId('progress'), busy);
  show(byId('cancel'), busy);
  show(byId('run'), !busy);
}
