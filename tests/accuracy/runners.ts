// The engines a model is run on, behind one small interface, so that a measurement never asks
// which one it has: onnxruntime-web (the independent truth) and onnxruntime-node (the same
// kernels natively, for quick looks). Eightfold itself is in eightfold.ts.
import type { Feeds, Tensor } from './tensor.ts';

export interface Runner {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Feeds): Promise<Feeds>;
  close(): Promise<void>;
}

export interface Engine {
  readonly name: string;
  open(model: Uint8Array): Promise<Runner>;
}

type Ort = typeof import('onnxruntime-common');
type Session = Awaited<ReturnType<Ort['InferenceSession']['create']>>;

// Warnings (weights among the inputs, nodes moved to the CPU) would drown the table.
const kErrorsOnly = 3;

function adapt(ort: Ort, session: Session): Runner {
  const toOrt = ({ type, data, dims }: Tensor) =>
    new ort.Tensor(type as 'float32', data as Float32Array, dims);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds) {
      const outputs = await session.run(
        Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrt(tensor)])),
      );
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { type, data, dims }]) => [
          name,
          { type, data, dims } as unknown as Tensor,
        ]),
      );
    },
    close: () => session.release(),
  };
}

function webEngine(name: string, graphOptimizationLevel: 'all' | 'disabled'): Engine {
  return {
    name,
    async open(model) {
      const ort = await import('onnxruntime-web');
      ort.env.wasm.numThreads = 1;
      ort.env.logLevel = 'error';
      const session = await ort.InferenceSession.create(model, {
        executionProviders: ['wasm'],
        graphOptimizationLevel,
        logSeverityLevel: kErrorsOnly,
      });
      return adapt(ort as unknown as Ort, session as unknown as Session);
    },
  };
}

/** onnxruntime-web on its wasm backend, one thread. */
export const ortWeb = webEngine('onnxruntime-web', 'all');
/** The same, operator by operator as the file has them: floats between the pairs of a QDQ file. */
export const ortWebPlain = webEngine('onnxruntime-web, nothing fused', 'disabled');

/** onnxruntime-node on the CPU: fast, for looking around; no figure of the table comes from it. */
export const ortNode: Engine = {
  name: 'onnxruntime-node',
  async open(model) {
    const ort = await import('onnxruntime-node');
    const session = await ort.InferenceSession.create(model, { logSeverityLevel: kErrorsOnly });
    return adapt(ort as unknown as Ort, session as unknown as Session);
  },
};
