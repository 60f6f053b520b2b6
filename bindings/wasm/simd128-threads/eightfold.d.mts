// The same module, built with threads (dist/wasm/simd128-threads).
export * from '../simd128/eightfold.d.mts';
export { default } from '../simd128/eightfold.d.mts';
