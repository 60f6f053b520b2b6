// The script of a thread of the relaxed build: the module itself, which sees that it is one.
export { default } from '../wasm/relaxed-threads/eightfold.mjs';
