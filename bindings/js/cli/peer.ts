// onnxruntime-web as an engine of a benchmark, wherever it was loaded from: one thread of its wasm backend.
import { EightfoldError } from '../errors.ts';
import type { Feeds } from '../types.ts';
import type { Engine } from './rounds.ts';

// What is used of it: its types are not ours to ship.
interface Session {
  run(feeds: object): Promise<object>;
  release(): Promise<void>;
}

export interface Ort {
  env: { logLevel: string; wasm: { numThreads: number; wasmPaths?: string } };
  Tensor: new (type: string, data: unknown, dims: readonly number[]) => unknown;
  InferenceSession: { create(model: string | Uint8Array, options: object): Promise<Session> };
}

export const kPeer = 'onnxruntime-web';
const kErrorsOnly = 3;

export async function openPeer(
  ort: Ort,
  model: string | Uint8Array,
  feeds: Feeds,
): Promise<Engine & { close(): Promise<void> }> {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  const options = { executionProviders: ['wasm'], logSeverityLevel: kErrorsOnly };
  try {
    const session = await ort.InferenceSession.create(model, options);
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, { type, data, dims }]) => [
        name,
        new ort.Tensor(type, data, dims),
      ]),
    );
    await session.run(tensors);
    return { name: kPeer, run: () => session.run(tensors), close: () => session.release() };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new EightfoldError('unsupported_model', `${kPeer} refuses the model: ${text}`, {
      cause,
    });
  }
}
