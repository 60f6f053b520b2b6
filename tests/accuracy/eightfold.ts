// Eightfold behind the runners' interface, through its public API alone. The one place to touch
// when that API changes. Loaded late, so that the float half of the harness works without a build.
import type {
  Format,
  LayerReport,
  Feeds as PublicFeeds,
  QuantizeOptions,
  QuantizeResult,
} from '../../bindings/js/types.ts';
import type { Engine } from './runners.ts';
import type { Feeds } from './tensor.ts';

export type { Format, LayerReport };

interface Api {
  createSession(model: Uint8Array): Promise<{
    readonly inputNames: readonly string[];
    readonly outputNames: readonly string[];
    run(feeds: PublicFeeds): Promise<PublicFeeds>;
    delete(): void;
  }>;
  quantize(model: Uint8Array, options: QuantizeOptions): Promise<QuantizeResult>;
  backendNames(): Promise<string[]>;
}

// As built, not as written: the scripts look for the wasm module beside themselves.
const kEntry = 'eightfold';
let api: Promise<Api> | undefined;

function eightfoldApi(): Promise<Api> {
  api ??= import(kEntry).then((module: { init(): Promise<Api> }) => module.init());
  return api;
}

/** Why Eightfold cannot be used here, or undefined when it can. */
export async function missingEightfold(): Promise<string | undefined> {
  try {
    await eightfoldApi();
    return undefined;
  } catch (error) {
    return `Eightfold is not built: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export const eightfold: Engine = {
  name: 'eightfold',
  async open(model) {
    const session = await (await eightfoldApi()).createSession(model);
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      run: async (feeds) => (await session.run(feeds as PublicFeeds)) as Feeds,
      close: async () => session.delete(),
    };
  },
};

/** Quantizes with the library's defaults; nothing but the format is chosen here. */
export async function quantizeByDefault(
  model: Uint8Array,
  calibration: AsyncIterable<Feeds>,
  format: Format,
): Promise<QuantizeResult> {
  const samples = calibration as AsyncIterable<PublicFeeds>;
  return (await eightfoldApi()).quantize(model, { calibration: samples, format });
}

/** Quantizes with the given options. */
export async function quantizeWith(
  model: Uint8Array,
  calibration: AsyncIterable<Feeds>,
  options: Omit<QuantizeOptions, 'calibration'>,
): Promise<QuantizeResult> {
  const samples = calibration as AsyncIterable<PublicFeeds>;
  return (await eightfoldApi()).quantize(model, { ...options, calibration: samples });
}

export async function backendNames(): Promise<string[]> {
  return (await eightfoldApi()).backendNames();
}
