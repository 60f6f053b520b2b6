// The engines of the bench: our Session, and onnxruntime-web on one thread of its wasm backend.
import type { Engine } from '../../bindings/js/cli/rounds.ts';
import { ortWeb } from '../accuracy/runners.ts';
import type { Feeds } from '../accuracy/tensor.ts';
import { type Eightfold, eightfold, type Feeds as PublicFeeds } from '../node/support/eightfold.ts';

export interface OpenEngine extends Engine {
  close(): Promise<void>;
}

export async function openOurs(
  model: Uint8Array,
  feeds: Feeds,
  instance: Pick<Eightfold, 'createSession'> = eightfold,
): Promise<OpenEngine> {
  const session = await instance.createSession(model);
  const run = () => session.run(feeds as PublicFeeds);
  await run();
  return { name: 'eightfold', run, close: async () => session.delete() };
}

export async function openTheirs(model: Uint8Array, feeds: Feeds): Promise<OpenEngine> {
  const runner = await ortWeb.open(model);
  const run = () => runner.run(feeds);
  await run();
  return { name: ortWeb.name, run, close: () => runner.close() };
}
