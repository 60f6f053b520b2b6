// The other side of the table in bindings/embind.cpp: what the wasm module offers, as it offers it.
// Nothing outside this folder sees these types.

import type { ModelInfo, OnnxFiles, OperatorInfo } from './types.ts';

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
  saveFiles(location: string, minBytes: number): Required<OnnxFiles>;
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

/** One node of a match. */
export interface WireNode {
  name: string;
  opType: string;
  attributes: Record<string, number | string | number[] | string[] | WireTensor>;
  inputs: string[];
  /** Constant inputs by index. */
  initializers: Record<string, WireTensor>;
  matchAll: boolean;
}

/** Indexes of nodes, nested as the pattern in complex form. */
export type WireShape = number | WireShape[];

/** A match, about which functions of the caller are asked by their names. */
export interface Question {
  /** How the pattern was given. */
  pattern: 'forward' | 'complex' | 'graph';
  /** The anchor is the first one. */
  nodes: WireNode[];
  /** By name for a graph. */
  shape: WireShape | Record<string, number>;
  asksRoot: boolean;
  asksExtraInputs: boolean;
  asksFuser: boolean;
  rootNodeGetter: string;
  extraInputsGetter: string;
  fuserMethod: string;
}

export interface WireFused {
  /** Empty: that of the root. */
  opType: string;
  attributes: WireNode['attributes'];
  removeAttributes: string[];
  initializers: Record<string, WireTensor>;
}

export interface Reply {
  /** Index of a node; -1 where none was asked for. */
  root: number;
  extraInputs: number[];
  /** Null leaves the match as it is. */
  fused: WireFused | null;
  refusal: string;
}

/** Fusing in rounds: questions, then their replies in one call. */
export interface CoreFusing extends WasmHandle {
  nextRound(): boolean;
  questions(): Question[];
  answer(replies: Reply[]): void;
  finish(): CoreModel;
}

/** Where the data of one tensor lies. */
export interface ExternalPart {
  tensor: string;
  location: string;
  offset: number;
  length: number;
}

/** A parsed file whose external data is still to come. */
export interface CoreLoading extends WasmHandle {
  parts(): ExternalPart[];
  reserve(): void;
  fill(part: number, at: number, bytes: Uint8Array): void;
  finish(): CoreModel;
}

export interface Core {
  startLoading(bytes: Uint8Array): CoreLoading;
  // Configs and options cross as JSON.
  fuse(model: CoreModel, backend: string, custom: string): CoreModel;
  startFusing(model: CoreModel, backend: string, custom: string, functions: string[]): CoreFusing;
  prepare(fused: CoreModel, backend: string, options: string): CorePrepared;
  explain(model: CoreModel, backend: string, options: string): string;
  makeCalibrator(prepared: CorePrepared): Stepper;
  makeBiasCorrector(prepared: CorePrepared): CoreCorrector;
  convert(prepared: CorePrepared, options: string): CoreModel;
  lower(quantized: CoreModel): CoreModel;
  toQdq(quantized: CoreModel): CoreModel;
  toQOperator(lowered: CoreModel): CoreModel;
  /** With `takes` the model is spent. */
  makeSession(model: CoreModel, takes: boolean, bodyRunLimit: number): CoreSession;
  makeComparator(reference: CoreModel, quantized: CoreModel): CoreComparator;
  report(
    prepared: CorePrepared,
    lowered: CoreModel,
    comparator: CoreComparator | null,
    sample: WireTensor[],
    floatBytes: number,
    int8Bytes: number,
  ): string;
  backend(name: string): string;
  backendNames(): string[];
  observerNames(): string[];
  qconfigNames(): string[];
  errorCodes(): string[];
  operators(): OperatorInfo[];
  isa(): string;
  setIsa(name: string): void;
  setThreads(count: number): void;
  /** Of a build with threads. */
  PThread?: { terminateAllThreads(): void };
  heapBytes(): number;
  allocatedBytes(): number;
}
