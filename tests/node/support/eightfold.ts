// The package as built (the scripts look for the wasm module beside themselves), with the types of
// its sources: so the tests can be type-checked before anything is built.
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const kRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const inRoot = (...parts: string[]) => join(kRoot, ...parts);

const load = (file: string) => import(inRoot('dist/js', file));

type Index = typeof import('../../../bindings/js/index.ts');
type Node = typeof import('../../../bindings/js/node.ts');
type Npy = typeof import('../../../bindings/js/npy.ts');
type Data = typeof import('../../../bindings/js/data.ts');

export const eightfold = (await load('index.js')) as Index;
export const node = (await load('node.js')) as Node;
export const npy = (await load('npy.js')) as Npy;
export const data = (await load('data.js')) as Data;

export type * from '../../../bindings/js/api.ts';
export type * from '../../../bindings/js/config/json.ts';
export type { EightfoldError, ErrorCode } from '../../../bindings/js/index.ts';
export type * from '../../../bindings/js/types.ts';
