// The writer of ONNX files that tests use lives with the page, whose benchmark makes its layers with it.
export * from '../../../web/src/bench/onnx_builder.ts';
