// What the classes of all configs have in common: fields named as in the schema, read when they are set.
import { EightfoldError } from '../errors.ts';
import { kDef, read, readDef } from './check.ts';
import { defs } from './schema.ts';

type Fields = Record<string, unknown>;
type Caller = (...args: never[]) => unknown;

/** The JSON form of configs anywhere in a value; `nameOf` names functions. */
export function plain(value: unknown, nameOf: (caller: Caller) => string): unknown {
  if (typeof value === 'function') return nameOf(value as Caller);
  if (Array.isArray(value)) return value.map((item) => plain(item, nameOf));
  const isConfig = value instanceof Config;
  if (!isConfig && (value as object | null)?.constructor !== Object) return value;
  const fields = Object.entries(isConfig ? value.fields() : (value as object));
  const set = fields.filter(([, field]) => field !== undefined);
  return Object.fromEntries(set.map(([key, field]) => [key, plain(field, nameOf)]));
}

/** The same, where functions cannot go. */
export const plainOf = (value: unknown): unknown =>
  plain(value, ({ name }) => {
    throw new EightfoldError('invalid_config', `the function '${name}' cannot become JSON`, {
      hint: 'Name a built-in function, or give the BackendConfig itself to the verbs.',
    });
  });

export function same(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return Object.is(a, b);
  const keys = Object.keys(a);
  return (
    a.constructor === b.constructor &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => same((a as Fields)[key], (b as Fields)[key]))
  );
}

/** Replaces the item with the same key, or appends. */
export function put<T>(list: T[], item: T, keyOf: (item: T) => string): void {
  const known = list.findIndex((other) => keyOf(other) === keyOf(item));
  list[known < 0 ? list.length : known] = item;
}

export abstract class Config {
  /** Its name in the schema. */
  declare static readonly def: string;
  get [kDef](): string {
    return (this.constructor as typeof Config).def;
  }

  static fromJSON<T extends Config>(this: new () => T, json: unknown): T {
    return new this().assign(json);
  }
  protected assign(json: unknown): this {
    return Object.assign(this, readDef(this[kDef], json));
  }
  protected set(values: object): this {
    const { properties } = defs[this[kDef]]!;
    for (const [key, value] of Object.entries(values)) {
      (this as unknown as Fields)[key] = read(properties![key]!, value, key);
    }
    return this;
  }

  /** What toJSON() writes, in the order of the schema. */
  fields(): object {
    const isEmpty = (value: unknown) => same(value, {}) || same(value, []);
    const fields = this as unknown as Fields;
    const keys = Object.keys(defs[this[kDef]]!.properties!);
    return Object.fromEntries(
      keys.filter((key) => !isEmpty(fields[key])).map((key) => [key, fields[key]]),
    );
  }

  /** Field by field; functions by identity. */
  equals(other: unknown): boolean {
    return same(this, other);
  }
  toJSON(): unknown {
    return plainOf(this);
  }
}

/** A setter for each of the fields, by its name, and with the underscore that some have in PyTorch. */
export function addSetters(type: typeof Config, keys = Object.keys(defs[type.def]!.properties!)) {
  const methods = type.prototype as unknown as Record<string, unknown>;
  for (const key of keys) {
    const name = `set${key[0]!.toUpperCase()}${key.slice(1)}`;
    methods[name] = methods[`_${name}`] = function (this: Config, value: unknown) {
      return this.set({ [key]: value });
    };
  }
}
