// The other side of the table in bindings/embind.cpp: what the wasm module offers, as it offers it.
// Nothing outside this folder sees these types.

import type { ModelInfo } from './types.ts';

export interface WasmHandle {
  delete(): void;
  isDeleted(): boolean;
}

/** A tensor on the border: bytes in row-major order, or strings. */
export interface WireTensor {
  name: string;
  type: string;
  dims: number[];
  data: Uint8Array | string[];
}

/** Advances in slices of a few milliseconds; `advance` is false when the sample is done. */
export interface Stepper extends WasmHandle {
  start(feeds: WireTensor[]): void;
  advance(milliseconds: number): boolean;
}

export interface CoreModel extends WasmHandle {
  info(): ModelInfo;
  stage(): string;
  text(): string;
  fileBytes(): number;
  save(): Uint8Array<ArrayBuffer>;
}

export interface CorePrepared extends WasmHandle {
  graph(): CoreModel;
  samples(): number;
}

export interface CoreCorrector extends Stepper {
  finish(): void;
}

export interface CoreComparator extends Stepper {
  result(): string;
}

export interface CoreStats {
  arenaBytes: number;
  arenaLowerBound: number;
  packedBytes: number;
  plans: number;
}

export interface CoreNodeTime {
  node: string;
  opType: string;
  ms: number;
}

export interface CoreSession extends Stepper {
  finish(): WireTensor[];
  inputNames(): string[];
  outputNames(): string[];
  stats(): CoreStats;
  setProfiling(on: boolean): void;
  nodeTimes(): CoreNodeTime[];
}

export type CoreReader = (location: string, offset: number, length: number) => Uint8Array | null;

export interface Core {
  load(bytes: Uint8Array, reader: CoreReader | undefined): CoreModel;
  fuse(model: CoreModel, backend: string): CoreModel;
  prepare(fused: CoreModel, backend: string, options: object): CorePrepared;
  makeCalibrator(prepared: CorePrepared): Stepper;
  makeBiasCorrector(prepared: CorePrepared): CoreCorrector;
  convert(prepared: CorePrepared): CoreModel;
  lower(quantized: CoreModel): CoreModel;
  toQdq(quantized: CoreModel): CoreModel;
  toQOperator(lowered: CoreModel): CoreModel;
  makeSession(model: CoreModel): CoreSession;
  makeComparator(reference: CoreModel, quantized: CoreModel): CoreComparator;
  report(
    prepared: CorePrepared,
    lowered: CoreModel,
    comparator: CoreComparator | null,
    sample: WireTensor[],
    floatBytes: number,
    int8Bytes: number,
  ): string;
  backendNames(): string[];
  observerNames(): string[];
  errorCodes(): string[];
  isa(): string;
  setIsa(name: string): void;
  heapBytes(): number;
  allocatedBytes(): number;
}
