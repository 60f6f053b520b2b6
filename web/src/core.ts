// The one place where the page meets the package: the core in a module worker, through the worker client. The page
// needs little of it, and says here what.
import type { LoadOptions } from '../../bindings/js/api.ts';
import type { Feeds, ModelInfo, QuantizeOptions, QuantizeResult } from '../../bindings/js/types.ts';
import { startWorker } from '../../bindings/js/worker.ts';

/** An open model. */
export interface Runner {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Feeds): Promise<Feeds>;
  delete(): void;
}

export interface Core {
  /** What runs, in words. */
  readonly build: string;
  readonly observers: readonly string[];
  readonly backends: readonly string[];
  inspect(bytes: Uint8Array, options?: LoadOptions): Promise<ModelInfo>;
  quantize(bytes: Uint8Array, options: QuantizeOptions & LoadOptions): Promise<QuantizeResult>;
  open(bytes: Uint8Array, options?: LoadOptions): Promise<Runner>;
}

/** Ready once the worker runs and holds its wasm: nothing is fetched after that. */
export async function startCore(): Promise<Core> {
  const eightfold = await startWorker();
  const [observers, backends] = await Promise.all([
    eightfold.observerNames(),
    eightfold.backendNames(),
  ]);
  const { variant, threads } = eightfold.build;
  return {
    build: `${variant} build, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    observers,
    backends,
    inspect: (bytes, options) => eightfold.inspect(bytes, options),
    quantize: (bytes, options) => eightfold.quantize(bytes, options),
    open: (bytes, options) => eightfold.createSession(bytes, options),
  };
}
