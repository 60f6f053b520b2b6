// Types of the module that the build puts beside the compiled scripts (dist/wasm/simd128).
import type { Core } from '../../js/core.ts';

export interface ModuleOptions {
  locateFile?: (name: string) => string;
  wasmBinary?: ArrayBuffer | Uint8Array;
  instantiateWasm?: (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ) => object;
  /** Of builds with threads: starts the script of one, and how many are started beside this one. */
  startThread?: () => Worker;
  extraThreads?: number;
  print?: (text: string) => void;
  printErr?: (text: string) => void;
}

export default function createEightfold(options?: ModuleOptions): Promise<Core>;
