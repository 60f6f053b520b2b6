// Bytes to a model in wasm memory, external data included.
import type { ExternalData, LoadOptions, ModelSource } from './api.ts';
import type { Core, CoreModel, CoreReader } from './core.ts';
import { call, EightfoldError } from './errors.ts';
import { rawModel } from './handles.ts';
import type { Scope } from './scope.ts';

export const isBytes = (source: unknown): source is Uint8Array | ArrayBuffer =>
  source instanceof Uint8Array || source instanceof ArrayBuffer;

const asBytes = (bytes: Uint8Array | ArrayBuffer) =>
  bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);

type Reader = (location: string, offset: number, length: number) => Uint8Array | null;

function readerOf(data: ExternalData): Reader {
  if (typeof data === 'function') return data;
  return (location, offset, length) => {
    const file = Object.hasOwn(data, location) ? data[location] : undefined;
    if (!file) return null;
    const end = length < 0 ? undefined : offset + length;
    return asBytes(file).subarray(offset, end);
  };
}

/** Loads a model; the caller frees it. A user's callback may throw: its error is passed on as it is. */
export function loadRaw(core: Core, bytes: unknown, options: LoadOptions = {}): CoreModel {
  if (!isBytes(bytes)) {
    throw new EightfoldError('invalid_input', 'the bytes of an ONNX file were expected', {
      hint: 'Pass a Uint8Array or an ArrayBuffer.',
    });
  }
  const data = options.externalData;
  if (!data) return call(() => core.load(asBytes(bytes), undefined));
  const read = readerOf(data);
  let failure: { error: unknown } | undefined;
  const safe: CoreReader = (location, offset, length) => {
    try {
      return read(location, offset, length);
    } catch (error) {
      failure = { error };
      return null;
    }
  };
  try {
    return call(() => core.load(asBytes(bytes), safe));
  } catch (error) {
    throw failure ? failure.error : error;
  }
}

/** The model itself, or one loaded for the time of the scope. */
export function openModel(
  core: Core,
  scope: Scope,
  source: ModelSource,
  options?: LoadOptions,
): CoreModel {
  return isBytes(source) ? scope.hold(loadRaw(core, source, options)) : rawModel(source);
}
