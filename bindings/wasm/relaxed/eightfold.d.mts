// The same module, built with relaxed SIMD (dist/wasm/relaxed).
export * from '../simd128/eightfold.d.mts';
export { default } from '../simd128/eightfold.d.mts';
