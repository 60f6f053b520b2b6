// The script of a thread of the simd128 build: the module itself, which sees that it is one.
export { default } from '../wasm/simd128-threads/eightfold.mjs';
