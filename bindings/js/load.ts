// Chooses the build by what the engine can do, and starts it.
//
// The addresses of the wasm files are written literally, as bundlers find them. A wasm file that is
// somewhere else, or in memory already, comes through InitOptions.
import type { ModuleOptions } from '../wasm/simd128/eightfold.mjs';
import type { Core } from './core.ts';
import { call, EightfoldError } from './errors.ts';
import type { InitOptions } from './types.ts';

export type Variant = 'simd128' | 'relaxed';

// (module (func (result v128) i32.const 0 i8x16.splat ... <op>)): `op` takes `operands` vectors.
function probe(op: readonly number[], operands: number): boolean {
  const splat = [0x41, 0x00, 0xfd, 0x0f];
  const code = [0x00, ...Array(operands).fill(splat).flat(), ...op, 0x0b];
  const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const signature = [0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, 0x03, 0x02, 0x01, 0x00];
  const body = [0x0a, code.length + 2, 0x01, code.length, ...code];
  return WebAssembly.validate(Uint8Array.from([...header, ...signature, ...body]));
}

const kI8x16Add = [0xfd, 0x6e];
const kRelaxedDotAdd = [0xfd, 0x93, 0x02];

/** The best build that this engine can run. */
export function bestVariant(): Variant {
  if (!probe(kI8x16Add, 2)) {
    throw new EightfoldError('internal', 'this engine has no WebAssembly SIMD', {
      hint: 'Every browser since 2023 has it, and Node since version 16.4.',
    });
  }
  return probe(kRelaxedDotAdd, 3) ? 'relaxed' : 'simd128';
}

// Of `auto`: more would seldom get a processor of their own.
const kMostThreads = 4;

function canShareMemory(): boolean {
  const isolated = globalThis.crossOriginIsolated ?? typeof process === 'object';
  return isolated && typeof SharedArrayBuffer === 'function';
}

/** How many threads `auto` is here: one, where memory cannot be shared. */
export function bestThreads(): number {
  if (!canShareMemory()) return 1;
  const processors =
    globalThis.navigator?.hardwareConcurrency ??
    globalThis.process?.getBuiltinModule?.('node:os').availableParallelism();
  return Math.min(processors ?? 1, kMostThreads);
}

type Start = typeof import('../wasm/simd128/eightfold.mjs').default;

interface Build {
  load(): Promise<{ default: Start }>;
  url(): URL;
  /** Starts the script of one more thread. */
  startThread?(): Worker;
}

// A page names its workers, Node gives them data: by either a script knows that it is a thread. What Node itself was
// started with (`--input-type`, loaders) is not for them. Bundlers read the options, so they are written out.
const kBuilds: Record<Variant | `${Variant}-threads`, Build> = {
  simd128: {
    load: () => import('../wasm/simd128/eightfold.mjs'),
    url: () => new URL('../wasm/simd128/eightfold.wasm', import.meta.url),
  },
  relaxed: {
    load: () => import('../wasm/relaxed/eightfold.mjs'),
    url: () => new URL('../wasm/relaxed/eightfold.wasm', import.meta.url),
  },
  'simd128-threads': {
    load: () => import('../wasm/simd128-threads/eightfold.mjs'),
    url: () => new URL('../wasm/simd128-threads/eightfold.wasm', import.meta.url),
    startThread: () =>
      new Worker(new URL('./thread_simd128.js', import.meta.url), {
        type: 'module',
        name: 'em-pthread',
        workerData: 'em-pthread',
        execArgv: [],
      } as WorkerOptions),
  },
  'relaxed-threads': {
    load: () => import('../wasm/relaxed-threads/eightfold.mjs'),
    url: () => new URL('../wasm/relaxed-threads/eightfold.wasm', import.meta.url),
    startThread: () =>
      new Worker(new URL('./thread_relaxed.js', import.meta.url), {
        type: 'module',
        name: 'em-pthread',
        workerData: 'em-pthread',
        execArgv: [],
      } as WorkerOptions),
  },
};

function moduleOptions(options: InitOptions, build: Build): ModuleOptions {
  const silent = { print: () => {}, printErr: () => {} };
  if (options.wasmBinary) return { ...silent, wasmBinary: options.wasmBinary };
  const module = options.wasmModule;
  if (!module) {
    const url = String(options.wasmUrl ?? build.url());
    return { ...silent, locateFile: () => url };
  }
  return {
    ...silent,
    instantiateWasm(imports, done) {
      void WebAssembly.instantiate(module, imports).then((instance) => done(instance, module));
      return {};
    },
  };
}

/** The module waits for the scripts of its threads, and says so in a line when one of them fails. */
function startModule(create: Start, given: ModuleOptions, build: Build, threads: number) {
  if (!build.startThread) return create(given);
  return new Promise<Core>((resolve, reject) => {
    const printErr = (text: string) => {
      if (text.startsWith('worker')) reject(new Error(text));
    };
    const { startThread } = build;
    create({ ...given, printErr, startThread, extraThreads: threads - 1 }).then(resolve, reject);
  });
}

async function start(options: InitOptions, variant: Variant, threads: number): Promise<Core> {
  try {
    const build = kBuilds[threads > 1 ? (`${variant}-threads` as const) : variant];
    const { default: create } = await build.load();
    const core = await startModule(create, moduleOptions(options, build), build, threads);
    if (threads > 1) core.setThreads(threads);
    return core;
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new EightfoldError('internal', `the WebAssembly module did not start: ${text}`, {
      hint: 'Serve the wasm file beside the scripts, or pass init({ wasmUrl }) or init({ wasmBinary }).',
      cause,
    });
  }
}

/** Ends the threads of an instance, which goes on with one. */
export function endThreads(core: Core): void {
  call(() => core.setThreads(1));
  core.PThread?.terminateAllThreads();
}

function threadsOf({ threads = 'auto', wasmUrl, wasmBinary, wasmModule }: InitOptions): number {
  if (threads === 'auto') return wasmUrl || wasmBinary || wasmModule ? 1 : bestThreads();
  if (!Number.isInteger(threads) || threads < 1 || threads > 64) {
    throw new EightfoldError('invalid_config', `${threads} threads are not possible`, {
      hint: "Known: 'auto', and whole numbers from 1 to 64.",
    });
  }
  if (threads > 1 && !canShareMemory()) {
    throw new EightfoldError('invalid_config', 'threads need shared memory', {
      hint: 'Serve the page with the headers of docs/THREADS.md, or ask for one thread.',
    });
  }
  return threads;
}

export interface Loaded {
  core: Core;
  variant: Variant;
  threads: number;
}

/** Loads one instance of the core. */
export async function loadCore(options: InitOptions = {}): Promise<Loaded> {
  const wanted = options.variant ?? 'auto';
  if (wanted !== 'auto' && wanted !== 'simd128' && wanted !== 'relaxed') {
    throw new EightfoldError('invalid_config', `unknown variant '${wanted}'`, {
      hint: "Known: 'auto', 'simd128', 'relaxed'.",
    });
  }
  const variant = wanted === 'auto' ? bestVariant() : wanted;
  let threads = threadsOf(options);
  let core: Core;
  try {
    core = await start(options, variant, threads);
  } catch (error) {
    // A host that promises threads and does not keep it: memory of four gigabytes, a blocked script.
    if (threads === 1 || typeof options.threads === 'number') throw error;
    threads = 1;
    core = await start(options, variant, threads);
  }
  const isa = options.isa;
  if (isa !== undefined) call(() => core.setIsa(isa));
  return { core, variant, threads };
}
