// Eightfold in a module worker: the same verbs, and a page that stays smooth.
//
//   import { startWorker } from 'eightfold/worker';
//   const eightfold = await startWorker();
//   const { model, report } = await eightfold.quantize(bytes, { calibration, signal, onProgress });
//
// Abort signals and progress cross over; samples stay on this side and are pulled one by one.
import { type Endpoint, releaseProxy, wrap } from 'comlink';
import type * as api from './api.ts';
import { EightfoldError } from './errors.ts';
import type { InitOptions } from './types.ts';
import { Line, unwrap } from './worker/line.ts';
import type { DeskApi } from './worker/protocol.ts';
import { RemoteEightfold } from './worker/remote.ts';

export type * from './api.ts';
export { EightfoldError } from './errors.ts';
export type * from './types.ts';
export type { RemoteEightfold } from './worker/remote.ts';

/** Eightfold behind any Comlink endpoint whose other end runs worker_main. `stop` ends it. */
export async function connect(
  endpoint: Endpoint,
  options: InitOptions = {},
  stop: () => void = () => {},
): Promise<RemoteEightfold> {
  const desk = wrap<DeskApi>(endpoint);
  const url = options.wasmUrl;
  const sent = url === undefined ? options : { ...options, wasmUrl: String(url) };
  try {
    const build = unwrap(await desk.init(sent)) as api.Eightfold['build'];
    const end = () => {
      desk[releaseProxy]();
      stop();
    };
    return new RemoteEightfold(new Line(desk), build, end);
  } catch (error) {
    stop();
    throw error;
  }
}

/** Starts a module worker with an instance of its own. */
export async function startWorker(options: InitOptions = {}): Promise<RemoteEightfold> {
  const worker = new Worker(new URL('./worker_main.js', import.meta.url), { type: 'module' });
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      reject(
        new EightfoldError('internal', `the worker did not start: ${event.message ?? ''}`, {
          hint: 'Serve the worker script from the same origin as the page.',
        }),
      );
    });
  });
  return Promise.race([connect(worker, options, () => worker.terminate()), failed]);
}
