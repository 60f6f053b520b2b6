// The public types of Eightfold: what every entry point (page, worker, Node, CLI) speaks.
import type {
  ConvertCustomConfig,
  FuseCustomConfig,
  PrepareCustomConfig,
} from './config/custom.ts';
import type {
  Backend,
  ConvertCustomConfigJson,
  FuseCustomConfigJson,
  PrepareCustomConfigJson,
  QConfigMappingJson,
} from './config/json.ts';
import type { QConfigMapping } from './config/qconfig.ts';

/** Element types, named as ONNX and onnxruntime-web name them. */
export type TensorType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'bool'
  | 'string';

/** The typed array that holds the elements of a `TensorType` (`float16` as raw 16-bit words). */
export type TensorData =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | string[];

/** A value fed to or returned by a model. onnxruntime-web's tensors fit as they are. */
export interface Tensor {
  readonly type: TensorType;
  /** Elements in row-major order; its length is the product of `dims`. */
  readonly data: TensorData;
  /** Dimensions, for example `[1, 3, 224, 224]`; `[]` for a scalar. */
  readonly dims: readonly number[];
}

/** One tensor per model input, by name. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** Samples, one after another. Arrays and async generators both fit. */
export type Samples = AsyncIterable<Feeds> | Iterable<Feeds>;

export type Phase =
  | 'load'
  | 'fuse'
  | 'prepare'
  | 'calibrate'
  | 'correct'
  | 'convert'
  | 'lower'
  | 'compare'
  | 'export';

export interface Progress {
  phase: Phase;
  /** Units finished in this phase (samples, layers). */
  done: number;
  /** Units in all, when known. */
  total?: number;
  /** The node at work, when there is one. */
  node?: string;
}

/** Options of every call that may take long. */
export interface LongCallOptions {
  /** Aborting rejects with an `EightfoldError` of code `aborted`; the instance stays usable. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export interface InitOptions {
  /** Which build to load; `auto` probes for relaxed SIMD. */
  variant?: 'auto' | 'simd128' | 'relaxed';
  /** Forces a kernel class for tests: `scalar` or `simd128`. */
  isa?: string;
  /**
   * Threads that share the work of a run; the numbers are the same for any. `auto` is one for each processor, at most
   * four, where memory can be shared: in Node, and in pages that are cross-origin isolated; one elsewhere, and where
   * the wasm file is named or given. More than one need the wasm file of the variant that has threads.
   */
  threads?: number | 'auto';
  /** Where the wasm file is, if not beside the module. */
  wasmUrl?: string | URL;
  /** The bytes of the wasm file of the chosen variant. */
  wasmBinary?: ArrayBuffer | Uint8Array;
  /** A compiled module, for places that refuse to compile bytes. */
  wasmModule?: WebAssembly.Module;
}

export type Format = 'qdq' | 'qoperator';
export type Activations = 'uint8' | 'int8';

/** Integers everywhere; activations measured in each run; weights alone; weights as float16. */
export type Mode = 'static' | 'dynamic' | 'weight_only' | 'float16';

/** What the quantizer does with a model; every field has a documented default. */
export interface QuantizationOptions {
  /** Target: a name of `backendNames()`, or a config of one's own. Default `exact8`. */
  backend?: Backend;
  /** Default `static`. */
  mode?: Mode;
  /** Activation observer: a name of `observerNames()`. Default `HistogramObserver`. */
  observer?: string;
  /** One weight scale per tensor instead of one per output channel. Default false. */
  perTensor?: boolean;
  /** Type of quantized activations. Default `uint8`. */
  activations?: Activations;
  /** Node names or op types that stay float. */
  exclude?: readonly string[];
  /** Node names or op types that keep what `exact8` gives them where the backend is `turbo` or `fast8`. */
  exact?: readonly string[];
}

export interface QuantizeOptions extends Omit<QuantizationOptions, 'mode'>, LongCallOptions {
  /**
   * Default `static`. `auto` is static for the fastest kernels: `turbo` for every layer, but for those that have to
   * stay `exact8` so that the outputs keep within `accuracyBudget`.
   */
  mode?: Mode | 'auto';
  /** Of the mode `auto`: dB of SQNR that an output may lose against `exact8`. Default 3. */
  accuracyBudget?: number;
  /** In place of `mode`, `observer`, `perTensor`, `activations` and `exclude`. */
  qconfigMapping?: QConfigMapping | QConfigMappingJson;
  fuseCustomConfig?: FuseCustomConfig | FuseCustomConfigJson;
  prepareCustomConfig?: PrepareCustomConfig | PrepareCustomConfigJson;
  convertCustomConfig?: ConvertCustomConfig | ConvertCustomConfigJson;
  /** The user's own samples. One-shot iterables are kept for the second pass. */
  calibration: Samples;
  /** Use at most this many samples. Default all. */
  samples?: number;
  /** Form of the ONNX file. Default `qdq`. */
  format?: Format;
  saveExternal?: SaveExternal;
  /** Corrects each layer's mean error in one more pass over the samples. Default true. */
  biasCorrection?: boolean;
  /** Samples on which float and int8 are compared layer by layer for the report. Default 8, 0 for none. */
  compareSamples?: number;
}

/** One row per Conv, Gemm, MatMul ... and every other node that computes. */
export interface LayerReport {
  /** Name of the node; a nameless node is `<op>_<index>`. */
  node: string;
  opType: string;
  /** Name of the value it computes. */
  output: string;
  /** Multiply-accumulates of one sample; 0 for ops without. */
  macs: number;
  int8: boolean;
  /** Why it is float, when it is. */
  reason?: string;
  /** Signal to quantization noise ratio in dB of its output against float, accumulated from the input on. */
  sqnr?: number;
}

export interface Remark {
  node: string;
  opType: string;
  kind: string;
  reason: string;
}

export interface NearPattern {
  /** `(Relu, (BatchNormalization, Conv))` */
  pattern: string;
  /** Why it did not match: a sentence. */
  reason: string;
}

export interface ObservedValue {
  value: string;
  role: 'input' | 'weight' | 'output';
  /** Empty when it is not observed. */
  observer: string;
  dtype: string;
  quantMin: number;
  quantMax: number;
  /** Of activations: equal numbers are one observer. */
  slot?: number;
  /** Other values of the slot, if there are. */
  sharedWith?: string[];
}

export interface NodeExplanation {
  node: string;
  opType: string;
  quantized: boolean;
  /** False for shapes, indexes and the like: nothing that could be quantized. */
  makesData: boolean;
  /** `static`, `dynamic`, `weight only`, `float16`, `float`. */
  mode: string;
  /** That claimed it; empty when none did. */
  pattern: string;
  /** Nodes of the file that were fused into it. */
  members: string[];
  nearMisses: NearPattern[];
  /** Why it stays float; empty when it does not. */
  reason: string;
  /** `uint8 -> uint8, weight int8 per channel` */
  dtypes: string;
  observed: ObservedValue[];
  /** `QLinearConv`; the float op when it stays float. */
  runsAs: string;
  /** `depthwise_i8_simd128`; empty when it runs on none of its own. */
  kernel: string;
}

/** One row per node of the fused model. */
export interface Explanation {
  backend: string;
  nodes: NodeExplanation[];
  /** Of the nodes that make data. */
  quantized: number;
  floatNodes: number;
  remarks: Remark[];
}

export interface Report {
  bytes: { float: number; int8: number };
  /** Share of multiply-accumulates that run on int8, 0..1. */
  int8MacShare: number;
  macs: number;
  samples: number;
  layers: LayerReport[];
  remarks: Remark[];
  /** Of the mode `auto`: names of the layers that stay `exact8`. */
  exact?: string[];
  /** SQNR in dB and argmax agreement (0..1) per model output, over the compared samples. */
  outputs: { name: string; sqnr: number; maxAbsError: number; argmaxAgreement: number }[];
}

/** The weights in a second file beside the model: one file alone ends at 2 GiB. */
export interface SaveExternal {
  /** Name of the second file. */
  location: string;
  /** Tensors of fewer bytes stay in the model. Default 1024. */
  minBytes?: number;
}

export interface OnnxFiles {
  /** The ONNX file. */
  model: Uint8Array<ArrayBuffer>;
  /** What belongs into the second file, where `saveExternal` names one. */
  externalData?: Uint8Array<ArrayBuffer>;
}

export interface QuantizeResult extends OnnxFiles {
  report: Report;
}

export interface ValueInfo {
  name: string;
  type: TensorType | 'undefined';
  /** Known sizes as numbers, free ones by name, `null` when unknown. */
  dims: (number | string | null)[] | null;
}

export interface UnsupportedOp {
  /** Empty for ONNX's own. */
  domain: string;
  opType: string;
  /** Version of the domain that the model uses; 0 when it does not say. */
  opset: number;
  /** Names of the nodes; a nameless node is `<op>_<index>`. */
  nodes: string[];
}

/** A row of the table of operators. */
export interface OperatorInfo {
  /** Empty for ONNX's own. */
  domain: string;
  opType: string;
  /** Opsets of the domain that it is for: from, and up to where it ends. */
  since: number;
  until: number | null;
  /** What each input is for; the last role repeats. */
  inputs: ('activation' | 'weight' | 'bias' | 'parameter' | 'shape' | 'metadata')[];
  /** The operator that takes its place on int8 data; itself when it takes such data as it is. */
  int8: { domain: string; opType: string } | null;
  /** Range of its output: one of its own, its input's, a fixed one, or none that is observed. */
  observation: {
    kind: 'different' | 'same' | 'fixed' | 'none';
    scale?: number;
    zeroPoint?: number;
  };
  /** Whether its multiply-accumulates count in a report. */
  countsMacs: boolean;
}

export interface ModelInfo {
  irVersion: number;
  opsets: Record<string, number>;
  producer: string;
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  /** Number of nodes by `domain:op_type`, those in bodies of If, Loop and Scan included. */
  ops: Record<string, number>;
  /** Operators that cannot be run. The model can be inspected and exported all the same. */
  unsupported: UnsupportedOp[];
  parameters: number;
  stage: 'float' | 'fused' | 'quantized' | 'lowered';
  metadata: Record<string, string>;
}
