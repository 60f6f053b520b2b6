// The JSON forms of the configs: schema/eightfold-config.schema.json as types.
import type { Tensor } from '../types.ts';
import type { BackendConfig, BackendPatternConfig } from './backend.ts';
import type { DTypeConfig, DTypeWithConstraints } from './dtype.ts';
import type { QConfig, QConfigMapping } from './qconfig.ts';

/** ONNX's names, and PyTorch's as aliases. */
export type DType =
  | 'uint8'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint4'
  | 'int4'
  | 'float16'
  | 'float32'
  | 'quint8'
  | 'qint8'
  | 'qint32'
  | 'quint4x2'
  | 'fp16'
  | 'float';

/** Sums of weights that share a lane of a 16-bit kernel are bounded by `limit`. */
export interface BoundedSum {
  group: 2 | 4;
  limit: number;
}

/** The bounds of a pair act only when both are set: the range, and exact scale with zero point. */
export interface DTypeWithConstraintsJson {
  dtype?: DType | null;
  quantMinLowerBound?: number | null;
  quantMaxUpperBound?: number | null;
  scaleMinLowerBound?: number | null;
  scaleMaxUpperBound?: number | null;
  scaleExactMatch?: number | null;
  zeroPointExactMatch?: number | null;
  boundedSum?: BoundedSum | null;
}

/** A bare dtype is one without constraints. */
export type ConstrainedDType = DType | DTypeWithConstraints | DTypeWithConstraintsJson;

export interface DTypeConfigJson {
  inputDtype?: ConstrainedDType | null;
  outputDtype?: ConstrainedDType | null;
  weightDtype?: ConstrainedDType | null;
  biasDtype?: DType | null;
  isDynamic?: boolean | null;
}

/** A number is a scalar of that value; `true` is any constant. */
export type ConstantPattern = number | true | { min?: number; max?: number; size?: number };

/** An op, `MatchAllNode`, a constant, or a consumer and the patterns of its inputs in order. */
export type ComplexPattern = string | { constant: ConstantPattern } | ComplexTuple;
export interface ComplexTuple extends ReadonlyArray<ComplexPattern> {
  readonly 0: string;
}

/** A value, or several of which any one will do; `null` is an attribute that is absent. */
export type AttributeCondition = number | string | null | readonly (number | string | null)[];

export type PatternNode =
  | { any: true }
  | { constant: ConstantPattern }
  | {
      op: string | readonly string[];
      /** Names of nodes; `split:1` is the second output of `split`. */
      inputs?: readonly string[];
      attributes?: Readonly<Record<string, AttributeCondition>>;
      /** The two inputs in either order. */
      commutative?: boolean;
      /** May be missing: its first input then takes its place. */
      optional?: boolean;
      /** Nodes outside of the match may read it too. */
      usedOutside?: boolean;
    };

export interface PatternGraph {
  nodes: Readonly<Record<string, PatternNode>>;
  /** The last nodes, the anchor first. */
  outputs: readonly string[];
}

export type QuantizeWhen = 'always' | 'input_quantized' | 'between_quantized' | 'dynamic_alone';
export type ObservationTypeName =
  | 'OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT'
  | 'OUTPUT_SHARE_OBSERVER_WITH_INPUT'
  | 'INPUT_OUTPUT_NOT_OBSERVED';
export type InputTypeToIndex = { bias?: number; input?: number; weight?: number };

/** One node of a match, as functions see it. */
export interface NodeView {
  /** Its name; that of the value for an input of the model. */
  readonly name: string;
  /** `Conv`, `domain:op_type`; `constant` for a constant, empty for an input of the model. */
  readonly opType: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly inputs: readonly string[];
  /** Its constant inputs by index. */
  readonly initializers: Readonly<Record<number, Tensor>>;
  /** Stands where the pattern has `MatchAllNode`. */
  readonly matchAll: boolean;
}

export type AttributeValue = number | string | readonly number[] | readonly string[] | Tensor;

/** What a fuser returns: the node that takes the place of the match. */
export interface FusedNode {
  /** Default: that of the root. */
  opType?: string;
  /** Set over those of the root. */
  attributes?: Readonly<Record<string, AttributeValue>>;
  removeAttributes?: readonly string[];
  /** In place of inputs of the root, by index. */
  initializers?: Readonly<Record<number, Tensor>>;
  /** Leave the match as it is, for this reason. */
  refusal?: string;
}

type Answer<T> = T | Promise<T>;
// biome-ignore lint/suspicious/noExplicitAny: the tree has the shape of the pattern, for destructuring
type Tree = any;

/** Given `[relu, [add, extra, conv]]`, or an object by name for a pattern graph: the node that is kept. */
export type RootNodeGetter = (nodePattern: Tree) => Answer<NodeView>;
/** Given the same: nodes whose values become further inputs of the fused node. */
export type ExtraInputsGetter = (nodePattern: Tree) => Answer<readonly NodeView[]>;
/**
 * `(isQat, conv, bn, relu)` for a forward pattern, `(isQat, relu, [add, extra, conv])` for a complex
 * one, `(isQat, nodesByName)` for a graph. Nothing returned: the match is left as it is.
 */
export type FuserMethod = (
  isQat: boolean,
  ...nodes: Tree[]
) => Answer<FusedNode | null | undefined>;

export interface BackendPatternConfigJson {
  /** One of the three; forward order, such as `['Conv', 'Relu']`. */
  pattern?: string | readonly string[];
  /** Consumer first, nested: `['Relu', ['Add', 'MatchAllNode', 'Conv']]`. */
  patternComplexFormat?: ComplexPattern;
  patternGraph?: PatternGraph;
  observationType?: ObservationTypeName;
  dtypeConfigs?: readonly (DTypeConfig | DTypeConfigJson)[];
  rootModule?: string;
  qatModule?: string;
  referenceQuantizedModule?: string;
  fusedModule?: string;
  fuserMethod?: string | FuserMethod;
  rootNodeGetter?: string | RootNodeGetter;
  extraInputsGetter?: string | ExtraInputsGetter;
  numTensorArgsToObservationType?: Readonly<Record<number, ObservationTypeName>>;
  inputTypeToIndex?: InputTypeToIndex;
  inputOutputObserved?: boolean;
  quantizeWhen?: QuantizeWhen;
}

export interface BackendConfigJson {
  name?: string;
  configs?: readonly (BackendPatternConfig | BackendPatternConfigJson)[];
}

/** A name of `backendNames()`, or a config. */
export type Backend = string | BackendConfig | BackendConfigJson;

/** An observer by name, with the fields of its kind; those not given keep their defaults. */
export interface ObserverSpec {
  observer?: string;
  dtype?: DType;
  qscheme?:
    | 'per_tensor_affine'
    | 'per_tensor_symmetric'
    | 'per_channel_affine'
    | 'per_channel_symmetric';
  quantMin?: number;
  quantMax?: number;
  reduceRange?: boolean;
  eps?: number;
  chAxis?: number;
  averagingConstant?: number;
  bins?: number;
  isDynamic?: boolean;
  scale?: number;
  zeroPoint?: number;
  boundedSum?: BoundedSum;
}

/** An observer, or a nested structure of them; what is null is as `activation`. */
export type NestedObservers =
  | ObserverSpec
  | null
  | readonly NestedObservers[]
  | { readonly [key: string]: NestedObservers };

/**
 * Observers of single inputs, outputs and inner places: `{x, state: [h, c], linear, sigmoid, tanh, cell}`
 * of LSTM, `{x, y, state: [h], linear, sigmoid, tanh}` of GRU, `{x, state: [h], linear}` of RNN,
 * `{inputs: [...], outputs: [...]}` of other ops.
 */
export type QConfigParts = { readonly [key: string]: NestedObservers };

export interface QConfigJson {
  activation?: ObserverSpec;
  weight?: ObserverSpec;
  parts?: QConfigParts;
}

/** A QConfig, a name of `qconfigNames()`, or `null`: leave float. */
export type QConfigEntry = QConfig | QConfigJson | string | null;

/** Which nodes get which QConfig; later styles win over earlier ones. */
export interface QConfigMappingJson {
  global?: QConfigEntry;
  objectType?: readonly [op: string, qconfig: QConfigEntry][];
  moduleNameRegex?: readonly [pattern: string, qconfig: QConfigEntry][];
  moduleName?: readonly [name: string, qconfig: QConfigEntry][];
  moduleNameObjectTypeOrder?: readonly [
    name: string,
    op: string,
    index: number,
    qconfig: QConfigEntry,
  ][];
}

/** The nodes under a path, or all of an op, with a mapping (and a backend) of their own. */
export interface StandaloneModule {
  name?: string;
  op?: string;
  qconfigMapping: QConfigMapping | QConfigMappingJson;
  backendConfig?: Backend;
}

export interface PrepareCustomConfigJson {
  standaloneModules?: readonly StandaloneModule[];
  floatToObserved?: Readonly<Record<string, string>>;
  nonTraceableModuleNames?: readonly string[];
  nonTraceableModuleClasses?: readonly string[];
  inputQuantizedIndexes?: readonly number[];
  outputQuantizedIndexes?: readonly number[];
  preservedAttributes?: readonly string[];
}

export interface ConvertCustomConfigJson {
  observedToQuantized?: Readonly<Record<string, string>>;
  preservedAttributes?: readonly string[];
}

export interface FuseCustomConfigJson {
  preservedAttributes?: readonly string[];
}
