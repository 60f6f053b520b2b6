// Eightfold: a float ONNX model in, a verified int8 model out.
//
//   import { quantize } from 'eightfold';
//   const { model, report } = await quantize(bytes, { calibration: samples });
//
// The verbs below work on one default instance, which init() makes; the first call makes it when
// nobody did. Other entries: `eightfold/worker` (the same verbs in a module worker),
// `eightfold/stream` (models that are fed their own outputs), `eightfold/node` (files, folders, images).
import type { Eightfold, ModelSource } from './api.ts';
import { splitSamples } from './data.ts';
import { createInstance } from './local.ts';
import type { Feeds, InitOptions, Tensor } from './types.ts';

export type * from './api.ts';
export {
  BackendConfig,
  BackendPatternConfig,
  MatchAllNode,
  ObservationType,
} from './config/backend.ts';
export { ConvertCustomConfig, FuseCustomConfig, PrepareCustomConfig } from './config/custom.ts';
export { DTypeConfig, DTypeWithConstraints } from './config/dtype.ts';
export type * from './config/json.ts';
export { QConfig, QConfigMapping } from './config/qconfig.ts';
export { type DataArray, type DataSet, splitSamples } from './data.ts';
export { type ErrorCode, errorCodes } from './error_codes.ts';
export { EightfoldError } from './errors.ts';
export { bestThreads, bestVariant } from './load.ts';
export { createInstance } from './local.ts';
export { readNpz, writeNpz } from './npz.ts';
export type * from './types.ts';

let current: Promise<Eightfold> | undefined;

/**
 * Makes the default instance and returns it. Without options, and when there is one already, that
 * one is returned; with options a new one takes its place.
 */
export function init(options?: InitOptions): Promise<Eightfold> {
  if (current && !options) return current;
  const made = createInstance(options);
  current = made;
  made.catch(() => {
    // The next call tries again.
    if (current === made) current = undefined;
  });
  return made;
}

type Verb = {
  [K in keyof Eightfold]: Eightfold[K] extends (...args: never[]) => unknown ? K : never;
}[keyof Eightfold];

async function ask(name: Verb, args: unknown[]): Promise<never> {
  const instance = await init();
  return (instance[name] as (...args: unknown[]) => never).apply(instance, args);
}

export const loadModel: Eightfold['loadModel'] = (...args) => ask('loadModel', args);
export const inspect: Eightfold['inspect'] = (...args) => ask('inspect', args);
export const fuse: Eightfold['fuse'] = (...args) => ask('fuse', args);
export const prepare: Eightfold['prepare'] = (...args) => ask('prepare', args);
export const calibrate: Eightfold['calibrate'] = (...args) => ask('calibrate', args);
export const correctBias: Eightfold['correctBias'] = (...args) => ask('correctBias', args);
export const convert: Eightfold['convert'] = (...args) => ask('convert', args);
export const lower: Eightfold['lower'] = (...args) => ask('lower', args);
export const toOnnx: Eightfold['toOnnx'] = (...args) => ask('toOnnx', args);
export const toOnnxFiles: Eightfold['toOnnxFiles'] = (...args) => ask('toOnnxFiles', args);
export const createSession: Eightfold['createSession'] = (...args) => ask('createSession', args);
export const quantize: Eightfold['quantize'] = (...args) => ask('quantize', args);
export const compare: Eightfold['compare'] = (...args) => ask('compare', args);
export const explain: Eightfold['explain'] = (...args) => ask('explain', args);
export const backend: Eightfold['backend'] = (...args) => ask('backend', args);
export const backendNames: Eightfold['backendNames'] = (...args) => ask('backendNames', args);
export const observerNames: Eightfold['observerNames'] = (...args) => ask('observerNames', args);
export const qconfigNames: Eightfold['qconfigNames'] = (...args) => ask('qconfigNames', args);
export const operators: Eightfold['operators'] = (...args) => ask('operators', args);
export const memory: Eightfold['memory'] = (...args) => ask('memory', args);

/** Arrays named as the model's inputs, cut into samples when they are pulled (see `splitSamples`). */
export function samplesOf(
  arrays: Readonly<Record<string, Tensor>>,
  model: ModelSource,
): AsyncIterable<Feeds> {
  return {
    async *[Symbol.asyncIterator]() {
      const { inputs } = await inspect(model);
      yield* splitSamples(arrays, inputs);
    },
  };
}
