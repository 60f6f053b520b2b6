// BackendConfig: what a target can do, as data. Names and meanings are PyTorch's.
import { addSetters, Config, same } from './base.ts';
import { read, readDef } from './check.ts';
import { DTypeConfig } from './dtype.ts';
import type {
  BackendConfigJson,
  BackendPatternConfigJson,
  ComplexPattern,
  DTypeConfigJson,
  ExtraInputsGetter,
  FuserMethod,
  InputTypeToIndex,
  ObservationTypeName,
  PatternGraph,
  QuantizeWhen,
  RootNodeGetter,
} from './json.ts';
import { defs } from './schema.ts';

/** Stands for anything in a complex pattern. */
export const MatchAllNode = 'MatchAllNode';

export const ObservationType = {
  OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT: 'OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT',
  OUTPUT_SHARE_OBSERVER_WITH_INPUT: 'OUTPUT_SHARE_OBSERVER_WITH_INPUT',
  INPUT_OUTPUT_NOT_OBSERVED: 'INPUT_OUTPUT_NOT_OBSERVED',
} as const;
export type ObservationType = ObservationTypeName;

type NumTensorArgsToObservationType = Readonly<Record<number, ObservationType>>;
type AnyDTypeConfig = DTypeConfig | DTypeConfigJson;
type AnyPatternConfig = BackendPatternConfig | BackendPatternConfigJson;

/** One pattern, and what may be done to it. */
export class BackendPatternConfig extends Config {
  static override readonly def = 'BackendPatternConfig';
  declare readonly pattern?: string | readonly string[];
  declare readonly patternComplexFormat?: ComplexPattern;
  declare readonly patternGraph?: PatternGraph;
  readonly observationType: ObservationType =
    ObservationType.OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT;
  readonly dtypeConfigs: readonly DTypeConfig[] = [];
  declare readonly rootModule?: string;
  declare readonly qatModule?: string;
  declare readonly referenceQuantizedModule?: string;
  declare readonly fusedModule?: string;
  declare readonly fuserMethod?: string | FuserMethod;
  declare readonly rootNodeGetter?: string | RootNodeGetter;
  declare readonly extraInputsGetter?: string | ExtraInputsGetter;
  readonly numTensorArgsToObservationType: NumTensorArgsToObservationType = {};
  readonly inputTypeToIndex: InputTypeToIndex = {};
  declare readonly inputOutputObserved?: boolean;
  declare readonly quantizeWhen?: QuantizeWhen;

  constructor(pattern?: string | readonly string[]) {
    super();
    if (pattern !== undefined) this.setPattern(pattern);
  }

  /** An op, or two or more in forward order: the first feeds the second. */
  declare readonly setPattern: (pattern: string | readonly string[]) => this;
  /** Consumer first, nested: `['Relu', ['Add', MatchAllNode, 'Conv']]`. */
  declare readonly setPatternComplexFormat: (pattern: ComplexPattern) => this;
  /** Named nodes and edges, of which both other formats are special cases. */
  declare readonly setPatternGraph: (graph: PatternGraph) => this;
  declare readonly setObservationType: (type: ObservationType) => this;
  declare readonly setDtypeConfigs: (configs: readonly AnyDTypeConfig[]) => this;
  declare readonly setRootModule: (op: string) => this;
  declare readonly setQatModule: (op: string) => this;
  declare readonly setReferenceQuantizedModule: (op: string) => this;
  declare readonly setFusedModule: (op: string) => this;
  /** A function, or the name of one that is built in. */
  declare readonly setFuserMethod: (fuser: string | FuserMethod) => this;
  declare readonly setRootNodeGetter: (getter: string | RootNodeGetter) => this;
  declare readonly setExtraInputsGetter: (getter: string | ExtraInputsGetter) => this;
  declare readonly setNumTensorArgsToObservationType: (
    types: NumTensorArgsToObservationType,
  ) => this;
  declare readonly setInputTypeToIndex: (indexes: InputTypeToIndex) => this;
  declare readonly setInputOutputObserved: (observed: boolean) => this;
  declare readonly setQuantizeWhen: (when: QuantizeWhen) => this;
  // As PyTorch spells them.
  declare readonly _setPatternComplexFormat: this['setPatternComplexFormat'];
  declare readonly _setRootNodeGetter: this['setRootNodeGetter'];
  declare readonly _setExtraInputsGetter: this['setExtraInputsGetter'];
  declare readonly _setNumTensorArgsToObservationType: this['setNumTensorArgsToObservationType'];
  declare readonly _setInputTypeToIndex: this['setInputTypeToIndex'];
  declare readonly _setInputOutputObserved: this['setInputOutputObserved'];
  static {
    addSetters(BackendPatternConfig);
  }

  addDtypeConfig(config: AnyDTypeConfig): this {
    return this.setDtypeConfigs([...this.dtypeConfigs, config]);
  }
  /** Withdrawn by PyTorch; does nothing. */
  _setUseLegacyPatternFormat(_: boolean): this {
    return this;
  }

  protected override assign(json: unknown): this {
    return this.set(readDef(BackendPatternConfig.def, json) as object);
  }
  protected override set(values: BackendPatternConfigJson): this {
    // A pattern excludes the others: the whole is read.
    if (Object.keys(values).some((key) => key.startsWith('pattern'))) {
      readDef(BackendPatternConfig.def, { ...this, ...values });
    }
    super.set(values);
    const dtypeConfigs = this.dtypeConfigs.map((one: AnyDTypeConfig) =>
      one instanceof DTypeConfig ? one : new DTypeConfig(one),
    );
    return Object.assign(this, { dtypeConfigs });
  }

  /** The pattern in complex form, however it was given; a graph as it is. */
  get complexPattern(): ComplexPattern | PatternGraph | undefined {
    const { pattern, patternComplexFormat, patternGraph } = this;
    if (typeof pattern !== 'object') return pattern ?? patternComplexFormat ?? patternGraph;
    return (pattern as readonly ComplexPattern[]).reduce((inner, op) => [op as string, inner]);
  }

  override fields(): object {
    return { ...super.fields(), dtypeConfigs: this.dtypeConfigs };
  }
}

export class BackendConfig extends Config {
  static override readonly def = 'BackendConfig';
  readonly name: string = '';
  readonly #configs = new Map<string, BackendPatternConfig>();

  constructor(name = '') {
    super();
    this.setName(name);
  }
  protected override assign(json: unknown): this {
    const { name = '', configs = [] } = readDef(BackendConfig.def, json) as BackendConfigJson;
    return this.setName(name).setBackendPatternConfigs(configs);
  }

  setName(name: string): this {
    return this.set({ name });
  }
  /** A pattern that is there already is replaced in its place. */
  setBackendPatternConfig(config: AnyPatternConfig): this {
    const given = config instanceof BackendPatternConfig;
    const place = `configs[${this.#configs.size}]`;
    const json = read(defs[BackendPatternConfig.def]!, given ? { ...config } : config, place);
    const made = given ? config : BackendPatternConfig.fromJSON(json);
    this.#configs.set(JSON.stringify(made.complexPattern), made);
    return this;
  }
  setBackendPatternConfigs(configs: readonly AnyPatternConfig[]): this {
    for (const config of configs) this.setBackendPatternConfig(config);
    return this;
  }

  /** A fresh array, in the order in which patterns were first given. */
  get configs(): BackendPatternConfig[] {
    return [...this.#configs.values()];
  }
  override equals(other: unknown): boolean {
    return other instanceof BackendConfig && same(this.fields(), other.fields());
  }
  override fields(): object {
    return { name: this.name, configs: this.configs };
  }
}
