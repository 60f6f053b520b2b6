// The verbs and handles of Eightfold, as interfaces: local.ts runs them in this thread, worker.ts in
// a module worker. All verbs are asynchronous, so that code does not care which.
import type { BackendConfig } from './config/backend.ts';
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
import type {
  Explanation,
  Feeds,
  Format,
  LongCallOptions,
  ModelInfo,
  OnnxFiles,
  OperatorInfo,
  QuantizationOptions,
  QuantizeOptions,
  QuantizeResult,
  Samples,
  SaveExternal,
  Tensor,
} from './types.ts';

/** Something that lives in wasm memory until `delete()`, or the end of a `using` block. */
export interface Handle {
  delete(): void;
  [Symbol.dispose](): void;
}

/** A model at any stage of the route. Verbs do not change it: they return the next one. */
export interface Model extends Handle {
  readonly info: ModelInfo;
  /** One line per node. */
  text(): Promise<string>;
}

/** A fused model with its observers. */
export interface PreparedModel extends Handle {
  /** Number of samples it was calibrated with. */
  samples(): Promise<number>;
}

export interface RunOptions {
  signal?: AbortSignal;
}

export interface NodeTime {
  node: string;
  opType: string;
  ms: number;
}

export interface SessionStats {
  /** Bytes of the memory that all activations share, and the least that could do. */
  arenaBytes: number;
  arenaLowerBound: number;
  /** Bytes of weights in kernel form. */
  packedBytes: number;
  /** Input signatures planned so far. */
  plans: number;
}

/** Runs a model. Runs of one session wait for each other. */
export interface Session extends Handle {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Feeds, options?: RunOptions): Promise<Record<string, Tensor>>;
  /** Time of each node in one run. */
  profile(feeds: Feeds, options?: RunOptions): Promise<NodeTime[]>;
  stats(): Promise<SessionStats>;
}

/**
 * External data files: by name, or as a function for the slices that are wanted (null when there is
 * no such file). A `File` stays on disk: it is read in slices, in a worker without crossing over.
 */
export type ExternalData =
  | Readonly<Record<string, Uint8Array | ArrayBuffer | Blob | URL>>
  | ((
      location: string,
      offset: number,
      length: number,
    ) => Uint8Array | null | Promise<Uint8Array | null>);

/** `signal` and `onProgress` (tensors, phase `load`) are for the reading of external data. */
export interface LoadOptions extends LongCallOptions {
  externalData?: ExternalData;
}

export interface ExportOptions {
  format?: Format;
  saveExternal?: SaveExternal;
}

export interface SessionOptions extends LoadOptions {
  /**
   * How often a run may run the bodies of Loop and Scan before it ends with `limit_exceeded`: a Loop need not
   * have an end. Default 2 ** 24.
   */
  bodyRunLimit?: number;
}

export interface FuseOptions {
  /** Whose patterns: a name of `backendNames()` or a config. Default `exact8`. */
  backend?: Backend;
  fuseCustomConfig?: FuseCustomConfig | FuseCustomConfigJson;
}

/** The short form, or a mapping. */
export type PrepareOptions = QuantizationOptions & {
  qconfigMapping?: QConfigMapping | QConfigMappingJson;
  prepareCustomConfig?: PrepareCustomConfig | PrepareCustomConfigJson;
};

export interface ConvertOptions {
  /** That of prepare, narrowed: an entry may be `null` instead. */
  qconfigMapping?: QConfigMapping | QConfigMappingJson;
  convertCustomConfig?: ConvertCustomConfig | ConvertCustomConfigJson;
}

export interface CalibrateOptions extends LongCallOptions {
  /** Use at most this many samples. Default all. */
  samples?: number;
}

export interface LayerComparison {
  node: string;
  opType: string;
  output: string;
  /** dB; absent when the layer's values were exactly equal or could not be compared. */
  sqnr?: number;
  maxAbsError: number;
}

export interface OutputComparison {
  name: string;
  /** dB; `Infinity` for equal values. */
  sqnr: number;
  maxAbsError: number;
  /** Share of rows whose largest element is at the same index, 0..1; 1 where there are no rows. */
  argmaxAgreement: number;
}

export interface Comparison {
  samples: number;
  layers: LayerComparison[];
  outputs: OutputComparison[];
}

export interface Memory {
  /** Bytes of the wasm heap, which only grows. */
  heapBytes: number;
  /** Bytes in use on it. */
  allocatedBytes: number;
}

/** Bytes of an ONNX file, or a model loaded from one. */
export type ModelSource = Uint8Array | ArrayBuffer | Model;

/** The build in use, the kernels it runs and on how many threads. */
export interface Build {
  readonly variant: string;
  readonly isa: string;
  readonly threads: number;
}

/** One instance of the core with its own memory. */
export interface Eightfold {
  /** For example `{variant: 'simd128', isa: 'simd128', threads: 4}`. */
  readonly build: Build;

  loadModel(bytes: Uint8Array | ArrayBuffer, options?: LoadOptions): Promise<Model>;
  /** What a model is. External data is neither read nor wanted. */
  inspect(model: ModelSource, options?: LoadOptions): Promise<ModelInfo>;

  /** Folds and fuses by the backend's patterns; its functions run here, between calls of the core. */
  fuse(model: Model, options?: FuseOptions): Promise<Model>;
  /** Decides what is quantized and how, and attaches observers. */
  prepare(fused: Model, options?: PrepareOptions): Promise<PreparedModel>;
  /** Streams samples through the float model. */
  calibrate(prepared: PreparedModel, samples: Samples, options?: CalibrateOptions): Promise<void>;
  /** Corrects each layer's mean error in one more pass over the same samples. */
  correctBias(prepared: PreparedModel, samples: Samples, options?: CalibrateOptions): Promise<void>;
  /** The reference quantized model (QDQ). */
  convert(prepared: PreparedModel, options?: ConvertOptions): Promise<Model>;
  /** int8 operators in place of QDQ groups. */
  lower(quantized: Model): Promise<Model>;
  /** An ONNX file. `format` is for quantized models: `qdq`, or `qoperator` (lowered when needed). */
  toOnnx(model: Model, options?: { format?: Format }): Promise<Uint8Array<ArrayBuffer>>;
  /** The same with the weights in a second file. */
  toOnnxFiles(model: Model, options?: ExportOptions): Promise<OnnxFiles>;

  /** Float, QDQ and QOperator models. */
  createSession(model: ModelSource, options?: SessionOptions): Promise<Session>;
  /** All verbs in order. */
  quantize(model: ModelSource, options: QuantizeOptions & LoadOptions): Promise<QuantizeResult>;
  /** Float against quantized, layer by layer, on the same samples. */
  compare(
    float: ModelSource,
    quantized: ModelSource,
    samples: Samples,
    options?: CalibrateOptions,
  ): Promise<Comparison>;

  /** What fuse and prepare would do with each node, and why. Needs no samples. */
  explain(model: ModelSource, options?: PrepareOptions & LoadOptions): Promise<Explanation>;

  /** The config behind a name: to read, to change, to give back. */
  backend(name: string): Promise<BackendConfig>;
  backendNames(): Promise<string[]>;
  observerNames(): Promise<string[]>;
  qconfigNames(): Promise<string[]>;
  /** The operators that run, a row per domain, name and range of opsets. */
  operators(): Promise<OperatorInfo[]>;
  memory(): Promise<Memory>;

  /** Ends the instance's threads; it goes on with one. An instance in a worker ends whole. */
  terminate(): void;
}
