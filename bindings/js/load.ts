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

const kBuilds = {
  simd128: {
    load: () => import('../wasm/simd128/eightfold.mjs'),
    url: () => new URL('../wasm/simd128/eightfold.wasm', import.meta.url),
  },
  relaxed: {
    load: () => import('../wasm/relaxed/eightfold.mjs'),
    url: () => new URL('../wasm/relaxed/eightfold.wasm', import.meta.url),
  },
};

function moduleOptions(options: InitOptions, variant: Variant): ModuleOptions {
  const silent = { print: () => {}, printErr: () => {} };
  if (options.wasmBinary) return { ...silent, wasmBinary: options.wasmBinary };
  const module = options.wasmModule;
  if (!module) {
    const url = String(options.wasmUrl ?? kBuilds[variant].url());
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

async function start(options: InitOptions, variant: Variant): Promise<Core> {
  try {
    const { default: createEightfold } = await kBuilds[variant].load();
    return await createEightfold(moduleOptions(options, variant));
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new EightfoldError('internal', `the WebAssembly module did not start: ${text}`, {
      hint: 'Serve the wasm file beside the scripts, or pass init({ wasmUrl }) or init({ wasmBinary }).',
      cause,
    });
  }
}

export interface Loaded {
  core: Core;
  variant: Variant;
}

/** Loads one instance of the core. */
export async function loadCore(options: InitOptions = {}): Promise<Loaded> {
  const wanted = options.variant ?? 'auto';
  if (wanted !== 'auto' && !(wanted in kBuilds)) {
    throw new EightfoldError('invalid_config', `unknown variant '${wanted}'`, {
      hint: "Known: 'auto', 'simd128', 'relaxed'.",
    });
  }
  const variant = wanted === 'auto' ? bestVariant() : wanted;
  const core = await start(options, variant);
  const isa = options.isa;
  if (isa !== undefined) call(() => core.setIsa(isa));
  return { core, variant };
}
