// What a model needs beside its QConfigMapping. A module path is a node's name split at '/' and '.',
// a class is an op. Names and meanings are PyTorch's.
import { BackendConfig } from './backend.ts';
import { addSetters, Config, put } from './base.ts';
import { read, readDef } from './check.ts';
import type {
  Backend,
  PrepareCustomConfigJson,
  QConfigMappingJson,
  StandaloneModule,
} from './json.ts';
import type { QConfigMapping } from './qconfig.ts';
import { defs } from './schema.ts';

type Mapping = QConfigMapping | QConfigMappingJson;
type ModuleMapping = Readonly<Record<string, string>>;

export class PrepareCustomConfig extends Config {
  static override readonly def = 'PrepareCustomConfig';
  readonly standaloneModules: readonly StandaloneModule[] = [];
  readonly floatToObserved: ModuleMapping = {};
  readonly nonTraceableModuleNames: readonly string[] = [];
  readonly nonTraceableModuleClasses: readonly string[] = [];
  readonly inputQuantizedIndexes: readonly number[] = [];
  readonly outputQuantizedIndexes: readonly number[] = [];
  readonly preservedAttributes: readonly string[] = [];

  declare readonly setNonTraceableModuleNames: (paths: readonly string[]) => this;
  declare readonly setNonTraceableModuleClasses: (ops: readonly string[]) => this;
  /** Inputs of the model that come in integers. */
  declare readonly setInputQuantizedIndexes: (indexes: readonly number[]) => this;
  /** Outputs of the model that are handed out in integers. */
  declare readonly setOutputQuantizedIndexes: (indexes: readonly number[]) => this;
  declare readonly setPreservedAttributes: (names: readonly string[]) => this;
  static {
    const [, , ...plain] = Object.keys(defs[PrepareCustomConfig.def]!.properties!);
    addSetters(PrepareCustomConfig, plain);
  }

  protected override assign(json: unknown): this {
    const read = readDef(PrepareCustomConfig.def, json) as PrepareCustomConfigJson;
    const { standaloneModules = [], ...rest } = read;
    for (const module of standaloneModules) this.#setStandaloneModule(module);
    return Object.assign(this, rest);
  }
  #setStandaloneModule(given: object): this {
    const list = this.standaloneModules as StandaloneModule[];
    const place = `standaloneModules[${list.length}]`;
    const module = read(defs.StandaloneModule!, given, place) as StandaloneModule;
    const backend = module.backendConfig;
    if (typeof backend === 'object' && !(backend instanceof BackendConfig)) {
      module.backendConfig = BackendConfig.fromJSON(backend);
    }
    put(list, module, ({ name, op }) => JSON.stringify([name, op]));
    return this;
  }

  /** The nodes under a path, prepared as a unit. */
  setStandaloneModuleName(name: string, qconfigMapping: Mapping, backendConfig?: Backend): this {
    return this.#setStandaloneModule({ name, qconfigMapping, backendConfig });
  }
  /** Every node of an op, each prepared as a unit. */
  setStandaloneModuleClass(op: string, qconfigMapping: Mapping, backendConfig?: Backend): this {
    return this.#setStandaloneModule({ op, qconfigMapping, backendConfig });
  }
  setFloatToObservedMapping(floatClass: string, observedClass: string): this {
    return this.set({ floatToObserved: { ...this.floatToObserved, [floatClass]: observedClass } });
  }
}

export class ConvertCustomConfig extends Config {
  static override readonly def = 'ConvertCustomConfig';
  readonly observedToQuantized: ModuleMapping = {};
  readonly preservedAttributes: readonly string[] = [];

  declare readonly setPreservedAttributes: (names: readonly string[]) => this;
  static {
    addSetters(ConvertCustomConfig, ['preservedAttributes']);
  }
  setObservedToQuantizedMapping(observedClass: string, quantizedClass: string): this {
    const all = { ...this.observedToQuantized, [observedClass]: quantizedClass };
    return this.set({ observedToQuantized: all });
  }
}

export class FuseCustomConfig extends Config {
  static override readonly def = 'FuseCustomConfig';
  readonly preservedAttributes: readonly string[] = [];

  declare readonly setPreservedAttributes: (names: readonly string[]) => this;
  static {
    addSetters(FuseCustomConfig);
  }
}
