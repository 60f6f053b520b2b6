// QConfig and QConfigMapping: what the user asks for. Names and meanings are PyTorch's.
import { Config, put } from './base.ts';
import { read, readDef } from './check.ts';
import type {
  ObserverSpec,
  QConfigEntry,
  QConfigJson,
  QConfigMappingJson,
  QConfigParts,
} from './json.ts';
import { defs } from './schema.ts';

/** An observer for activations and one for weights; others for single parts of a node. */
export class QConfig extends Config {
  static override readonly def = 'QConfig';
  declare readonly activation?: ObserverSpec;
  declare readonly weight?: ObserverSpec;
  declare readonly parts?: QConfigParts;

  constructor(json: QConfigJson = {}) {
    super();
    this.assign(json);
  }
}

type Styles = Required<Omit<QConfigMappingJson, 'global'>>;
type Entry = readonly unknown[];

/** Which nodes get which QConfig; a key that is set again is replaced in its place. */
export class QConfigMapping extends Config {
  static override readonly def = 'QConfigMapping';
  declare readonly global?: QConfigEntry;
  readonly objectType: Styles['objectType'] = [];
  readonly moduleNameRegex: Styles['moduleNameRegex'] = [];
  readonly moduleName: Styles['moduleName'] = [];
  readonly moduleNameObjectTypeOrder: Styles['moduleNameObjectTypeOrder'] = [];

  protected override assign(json: unknown): this {
    const { global, ...styles } = readDef(QConfigMapping.def, json) as QConfigMappingJson;
    if (global !== undefined) this.setGlobal(global);
    for (const [style, entries] of Object.entries(styles)) {
      for (const entry of entries) this.#put(style as keyof Styles, entry);
    }
    return this;
  }
  #put(style: keyof Styles, entry: Entry): this {
    const list = this[style] as unknown as Entry[];
    const { items } = defs[QConfigMapping.def]!.properties![style]!;
    const made = read(items!, entry, `${style}[${list.length}]`) as Entry;
    put(list, made, (one) => JSON.stringify(one.slice(0, -1)));
    return this;
  }

  setGlobal(global: QConfigEntry): this {
    return this.set({ global });
  }
  setObjectType(...entry: [op: string, qconfig: QConfigEntry]): this {
    return this.#put('objectType', entry);
  }
  /** The pattern is anchored at the beginning of the name; the first that matches wins. */
  setModuleNameRegex(...entry: [pattern: string, qconfig: QConfigEntry]): this {
    return this.#put('moduleNameRegex', entry);
  }
  /** The node of that name, and every node under it as a path. */
  setModuleName(...entry: [name: string, qconfig: QConfigEntry]): this {
    return this.#put('moduleName', entry);
  }
  /** The n-th node of an op, from 0, under a path. */
  setModuleNameObjectTypeOrder(
    ...entry: [name: string, op: string, index: number, qconfig: QConfigEntry]
  ): this {
    return this.#put('moduleNameObjectTypeOrder', entry);
  }
}
