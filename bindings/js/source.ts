// Bytes to a model in wasm memory, external data included.
import type { LoadOptions, ModelSource } from './api.ts';
import type { Core, CoreLoading, CoreModel } from './core.ts';
import { call, EightfoldError } from './errors.ts';
import { readParts } from './external.ts';
import { rawModel } from './handles.ts';
import { Pace } from './pace.ts';
import type { Scope } from './scope.ts';
import type { ModelInfo } from './types.ts';

export const isBytes = (source: unknown): source is Uint8Array | ArrayBuffer =>
  source instanceof Uint8Array || source instanceof ArrayBuffer;

function startLoading(core: Core, bytes: unknown): CoreLoading {
  if (!isBytes(bytes)) {
    throw new EightfoldError('invalid_input', 'the bytes of an ONNX file were expected', {
      hint: 'Pass a Uint8Array or an ArrayBuffer.',
    });
  }
  return call(() => core.startLoading(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)));
}

/** Loads a model; the caller frees it. */
export async function loadRaw(
  core: Core,
  bytes: unknown,
  options: LoadOptions = {},
  pace = new Pace(options),
): Promise<CoreModel> {
  pace.check();
  const loading = startLoading(core, bytes);
  try {
    await readParts(loading, options.externalData, pace);
    return call(() => loading.finish());
  } finally {
    loading.delete();
  }
}

/** The model itself, or one loaded for the time of the scope. */
export async function openModel(
  core: Core,
  scope: Scope,
  source: ModelSource,
  options?: LoadOptions,
  pace?: Pace,
): Promise<CoreModel> {
  if (!isBytes(source)) return rawModel(source);
  return scope.hold(await loadRaw(core, source, options, pace));
}

/** What a model is: its external data is not read for that. */
export function infoOf(core: Core, scope: Scope, source: ModelSource): ModelInfo {
  if (!isBytes(source)) return call(() => rawModel(source).info());
  const loading = scope.hold(startLoading(core, source));
  const model = scope.hold(call(() => loading.finish()));
  return call(() => model.info());
}
