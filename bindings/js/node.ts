// Node: models, arrays and images in files, and Eightfold in a worker thread.
//
//   import { quantize } from 'eightfold';
//   import { openData, readModelFile } from 'eightfold/node';
import { Worker } from 'node:worker_threads';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { InitOptions } from './types.ts';
import { connect, type RemoteEightfold } from './worker.ts';

export { type Data, openData } from './node/data.ts';
export {
  type ModelFile,
  readModelFile,
  readNpzFile,
  writeBytes,
  writeNpzFile,
} from './node/files.ts';
export { type ImageForm, imageForm, imageInput, readImage } from './node/images.ts';
export { readNpz, samplesOf } from './node/samples.ts';
export { readWavFile, type Wav } from './node/wav.ts';
export type { RemoteEightfold } from './worker.ts';

/** Starts a worker thread with an instance of its own; terminate() ends it. */
export function startWorker(options: InitOptions = {}): Promise<RemoteEightfold> {
  // What Node was started with (`--input-type`, loaders) is not for our script.
  const worker = new Worker(new URL('./node/worker_main.js', import.meta.url), { execArgv: [] });
  return connect(nodeEndpoint(worker), options, () => void worker.terminate());
}
