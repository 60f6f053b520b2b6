// Types of the module that the build puts beside the compiled scripts (dist/wasm/simd128).
import type { Core } from '../../js/core.ts';

export interface ModuleOptions {
  locateFile?: (name: string) => string;
  wasmBinary?: ArrayBuffer | Uint8Array;
  instantiateWasm?: (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
  ) => object;
  print?: (text: string) => void;
  printErr?: (text: string) => void;
}

export default function createEightfold(options?: ModuleOptions): Promise<Core>;
