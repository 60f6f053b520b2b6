// onnxruntime-web as the other engine of bench: one thread of its wasm backend, when it is installed.
import { EightfoldError } from '../errors.ts';
import type { Feeds } from '../types.ts';
import type { Engine } from './rounds.ts';

// What is used of it: its types are not ours to ship.
interface Ort {
  env: { logLevel: string; wasm: { numThreads: number } };
  Tensor: new (type: string, data: unknown, dims: readonly number[]) => unknown;
  InferenceSession: {
    create(path: string, options: object): Promise<{ run(feeds: object): Promise<object> }>;
  };
}

const kPackage = 'onnxruntime-web';
const kErrorsOnly = 3;

async function load(): Promise<Ort> {
  try {
    return (await import(kPackage)) as Ort;
  } catch (cause) {
    throw new EightfoldError('invalid_state', `the package ${kPackage} is not installed`, {
      hint: `npm install ${kPackage}, then run this again.`,
      cause,
    });
  }
}

export async function openOnnxRuntimeWeb(path: string, feeds: Feeds): Promise<Engine> {
  const ort = await load();
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const options = { executionProviders: ['wasm'], logSeverityLevel: kErrorsOnly };
  try {
    const session = await ort.InferenceSession.create(path, options);
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, { type, data, dims }]) => [
        name,
        new ort.Tensor(type, data, dims),
      ]),
    );
    await session.run(tensors);
    return { name: kPackage, run: () => session.run(tensors) };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new EightfoldError('unsupported_model', `${kPackage} refuses the model: ${text}`, {
      cause,
    });
  }
}
