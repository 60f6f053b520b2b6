// Eightfold: a float ONNX model in, a verified int8 model out.
//
//   import { quantize } from 'eightfold';
//   const { model, report } = await quantize(bytes, { calibration: samples });
//
// The verbs below work on one default instance, which init() makes; the first call makes it when
// nobody did. Other entries: `eightfold/worker` (the same verbs in a module worker) and
// `eightfold/node` (files, folders, images).
import type { Eightfold, ModelSource } from './api.ts';
import { splitSamples } from './data.ts';
import { createInstance } from './local.ts';
import type { Feeds, InitOptions, Tensor } from './types.ts';

export type * from './api.ts';
export { type DataArray, type DataSet, splitSamples } from './data.ts';
export { type ErrorCode, errorCodes } from './error_codes.ts';
export { EightfoldError } from './errors.ts';
export { bestVariant } from './load.ts';
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

function verb<K extends Verb>(name: K): Eightfold[K] {
  const run = async (...args: unknown[]) => {
    const instance = await init();
    return (instance[name] as (...args: unknown[]) => unknown).apply(instance, args);
  };
  return run as unknown as Eightfold[K];
}

export const loadModel: Eightfold['loadModel'] = /* @__PURE__ */ verb('loadModel');
export const inspect: Eightfold['inspect'] = /* @__PURE__ */ verb('inspect');
export const fuse: Eightfold['fuse'] = /* @__PURE__ */ verb('fuse');
export const prepare: Eightfold['prepare'] = /* @__PURE__ */ verb('prepare');
export const calibrate: Eightfold['calibrate'] = /* @__PURE__ */ verb('calibrate');
export const correctBias: Eightfold['correctBias'] = /* @__PURE__ */ verb('correctBias');
export const convert: Eightfold['convert'] = /* @__PURE__ */ verb('convert');
export const lower: Eightfold['lower'] = /* @__PURE__ */ verb('lower');
export const toOnnx: Eightfold['toOnnx'] = /* @__PURE__ */ verb('toOnnx');
export const createSession: Eightfold['createSession'] = /* @__PURE__ */ verb('createSession');
export const quantize: Eightfold['quantize'] = /* @__PURE__ */ verb('quantize');
export const compare: Eightfold['compare'] = /* @__PURE__ */ verb('compare');
export const backendNames: Eightfold['backendNames'] = /* @__PURE__ */ verb('backendNames');
export const observerNames: Eightfold['observerNames'] = /* @__PURE__ */ verb('observerNames');
export const memory: Eightfold['memory'] = /* @__PURE__ */ verb('memory');

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
