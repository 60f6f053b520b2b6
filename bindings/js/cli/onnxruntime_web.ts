// onnxruntime-web as the other engine of bench, when it is installed.
import { EightfoldError } from '../errors.ts';
import type { Feeds } from '../types.ts';
import { kPeer, type Ort, openPeer } from './peer.ts';
import type { Engine } from './rounds.ts';

async function load(): Promise<Ort> {
  try {
    return (await import(kPeer)) as Ort;
  } catch (cause) {
    throw new EightfoldError('invalid_state', `the package ${kPeer} is not installed`, {
      hint: `npm install ${kPeer}, then run this again.`,
      cause,
    });
  }
}

export async function openOnnxRuntimeWeb(path: string, feeds: Feeds): Promise<Engine> {
  return openPeer(await load(), path, feeds);
}
