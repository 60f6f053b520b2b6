// The same module, built with threads and relaxed SIMD (dist/wasm/relaxed-threads).
export * from '../simd128/eightfold.d.mts';
export { default } from '../simd128/eightfold.d.mts';
