// Reads a config by the published schema, of which it knows the keywords that are used there. No
// library: they weigh more than our budget, compile by eval, and tell of a union only that no branch fits.
import { EightfoldError } from '../errors.ts';
import { defs } from './schema.ts';

export interface Schema {
  /** Of an enum: what it lists. Else the message when a value does not fit. */
  title?: string;
  'x-hint'?: string;
  $ref?: string;
  anyOf?: Schema[];
  oneOf?: { required: [string] }[];
  not?: { title: string; 'x-hint': string; required: string[]; properties: Record<string, Schema> };
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  minimum?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  prefixItems?: Schema[];
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
  propertyNames?: Schema;
  additionalProperties?: Schema | false;
}

type Values = Readonly<Record<string, unknown>>;

/** Under it an object of a class says which type of the schema it is. */
export const kDef: unique symbol = Symbol('def');

const kWords: Record<string, string> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'a whole number',
  null: 'null',
  number: 'a number',
  object: 'an object',
  string: 'a string',
};
const kCounts = ['none', 'one', 'two'];

const kAliases: Record<string, string> = {
  quint8: 'uint8',
  qint8: 'int8',
  qint32: 'int32',
  quint4x2: 'uint4',
  fp16: 'float16',
  float: 'float32',
};

/** Types of which one value has several spellings. */
const kSpellings: Record<string, (text: string) => string> = {
  DType: (name) => kAliases[name] ?? name,
  Op: (name) => name.replace(/^(ai\.onnx)?:/, ''),
};

function refuse(path: string, message: string, hint = ''): never {
  throw new EightfoldError('invalid_config', `${path}: ${message}`, { hint });
}

/** `configs[2].name`; a root has the name of its type, with a capital, and is left out. */
function at(path: string, key: string): string {
  const root = /^[A-Z]\w*$/.test(path) ? '' : path;
  if (!/^[a-z_$][\w$]*$/i.test(key)) return `${root}[${JSON.stringify(key)}]`;
  return root ? `${root}.${key}` : key;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return typeof value;
  return Number.isFinite(value) ? 'fraction' : 'none';
}

const kNumbers: Record<string, string> = { integer: 'number', number: 'number fraction' };
const target = ($ref: string) => $ref.slice('#/$defs/'.length);
const typesOf = ({ type = [] }: Schema) => [type].flat();

/** The branches of a union, unions within it resolved. */
function branches(schema: Schema): Schema[] {
  const { $ref, anyOf, type } = schema;
  if (anyOf) return anyOf.flatMap(branches);
  return $ref && !type ? branches(defs[target($ref)]!) : [schema];
}

/** Whether a value has the shape: one look, not into it. */
const takes = (schema: Schema, value: unknown): boolean =>
  branches(schema).some((branch) =>
    'const' in branch
      ? branch.const === value
      : !branch.type ||
        typesOf(branch).some((type) => (kNumbers[type] ?? type).split(' ').includes(typeOf(value))),
  );

const wordsOf = (schema: Schema): string =>
  branches(schema)
    .flatMap((one) => ('const' in one ? one.const : typesOf(one).map((type) => kWords[type])))
    .join(' or ');

function readList(schema: Schema, list: unknown[], path: string): unknown[] {
  const { prefixItems = [], items = {}, minItems = 0, maxItems } = schema;
  if (list.length < minItems || list.length > (maxItems ?? list.length)) {
    refuse(path, `must be a list of ${maxItems ?? `${kCounts[minItems]} or more`}`);
  }
  return list.map((item, i) => read(prefixItems[i] ?? items, item, `${path}[${i}]`));
}

function unknownKey(known: string[], key: string, path: string): never {
  const flat = (text: string) => text.replaceAll('_', '').toLowerCase();
  const meant = known.find((name) => flat(name) === flat(key));
  refuse(path, `unknown key; known are ${known.join(', ')}`, meant && `do you mean '${meant}'?`);
}

/** Whether all keys together fit. */
function checkKeys(schema: Schema, object: Values, path: string): void {
  const { title, required = [], oneOf = [], not } = schema;
  const has = (key: string) => object[key] != null;
  for (const key of required) if (!has(key)) refuse(path, `needs a ${key}`);
  if (not?.required.every((key) => has(key) && takes(not.properties[key] ?? {}, object[key]))) {
    refuse(path, not.title, not['x-hint']);
  }
  const keys = oneOf.map((branch) => branch.required[0]);
  const given = keys.filter(has).length;
  if (given === 1 || !keys.length) return;
  const one = `one of ${keys.join(', ').replace(/, (?=\w+$)/, ' and ')}`;
  const message = given ? `only ${one} can be set` : `has no ${keys[0]}: ${one} is needed`;
  refuse(path, title ?? message);
}

function readObject(schema: Schema, object: Values, path: string): Values {
  const { properties = {}, additionalProperties = {}, propertyNames = {} } = schema;
  const result: [unknown, unknown][] = [];
  for (const [key, value] of Object.entries(object)) {
    const inner = at(path, key);
    const known = Object.hasOwn(properties, key) ? properties[key]! : additionalProperties;
    if (!known) unknownKey(Object.keys(properties), key, inner);
    const isUnset = value === null && !takes(known, value);
    if (isUnset || value === undefined || value === known.default) continue;
    result.push([read(propertyNames, key, inner), read(known, value, inner)]);
  }
  checkKeys(schema, object, path);
  return Object.fromEntries(result);
}

/** A copy of the value in its one spelling; throws what is wrong with it, and where. */
export function read(schema: Schema, value: unknown, path: string): unknown {
  const { $ref, anyOf, type, title, enum: names, minimum, pattern = '' } = schema;
  const name = $ref && target($ref);
  if (name && (value as { [kDef]?: string } | null)?.[kDef] === name) return value;
  if (name === 'FunctionName' && typeof value === 'function') return value;
  const message = (!names && title) || `must be ${wordsOf(schema)}`;
  const isText = typeof value === 'string';
  if ((!name || type) && (!takes(schema, value) || (isText && !new RegExp(pattern).test(value)))) {
    refuse(path, message, schema['x-hint']);
  }
  if (anyOf) return read(anyOf.find((branch) => takes(branch, value))!, value, path);
  if (name) {
    const result = read(defs[name]!, value, path);
    return kSpellings[name]?.(result as string) ?? result;
  }
  if (names && !names.includes(value)) {
    refuse(path, `unknown ${title} '${value}'`, `known are ${names.join(', ')}`);
  }
  if (minimum !== undefined && (value as number) < minimum) {
    refuse(path, `${message}, ${minimum} or more`);
  }
  if (Array.isArray(value)) return readList(schema, value, path);
  const isOpaque = !schema.properties && !schema.additionalProperties;
  return isOpaque ? value : readObject(schema, value as Values, path);
}

/** Reads a value of one of the types. */
export const readDef = (def: string, value: unknown): unknown => read(defs[def]!, value, def);
