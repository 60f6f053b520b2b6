// The benchmark's own worker: an instance on one thread, as the peer has one, and onnxruntime-web where the page knows
// an address of it. Nothing crosses while a run is timed.
import { expose } from 'comlink';
import { kPeer, type Ort, openPeer } from '../../../bindings/js/cli/peer.ts';
import { init } from '../../../bindings/js/index.ts';
import type { Feeds } from '../../../bindings/js/types.ts';
import { benchRow, type OpenEngine, type Openers, type Row } from './rows.ts';
import { type Asked, type Subject, subjectOf } from './subjects.ts';

let cancelled = false;
let ort: Promise<Ort> | undefined;

const ours = init({ threads: 1 });

async function openOurs({ model, feeds, externalData }: Subject['float']): Promise<OpenEngine> {
  const session = await (await ours).createSession(model, externalData && { externalData });
  const run = () => session.run(feeds);
  await run();
  return { name: 'Eightfold', run, close: () => session.delete() };
}

/** Messages are taken in between: that is when a cancel arrives. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve));

function openersOf({ float, int8 }: Subject, peer: Ort | undefined): Openers {
  const theirs = (file: { model: Uint8Array; feeds: Feeds }) => () =>
    openPeer(peer!, file.model, file.feeds);
  return {
    float: () => openOurs(float),
    int8: () => openOurs(int8),
    ...(peer && { peerFloat: theirs(float), peerInt8: theirs(int8) }),
  };
}

const desk = {
  /** What runs, once it is ready. */
  async ready(): Promise<string> {
    const { variant } = (await ours).build;
    return `the ${variant} build`;
  },

  /** Loads the peer; why not, where it does not load. */
  async loadPeer(address: string): Promise<string | undefined> {
    try {
      ort ??= import(/* @vite-ignore */ address) as Promise<Ort>;
      (await ort).env.wasm.wasmPaths = new URL('.', address).href;
      return undefined;
    } catch {
      ort = undefined;
      return `${kPeer} could not be loaded from ${address}`;
    }
  },

  /** A row, or nothing when it was cancelled. */
  async row(
    asked: Asked,
    rounds: number,
    onRound: (round: number) => void,
  ): Promise<Row | undefined> {
    cancelled = false;
    const stop = new Error('cancelled');
    const between = async (round: number) => {
      onRound(round);
      await pause();
      if (cancelled) throw stop;
    };
    try {
      const subject = subjectOf(asked);
      return await benchRow(subject.name, openersOf(subject, await ort), rounds, between);
    } catch (error) {
      if (error === stop) return undefined;
      throw error;
    }
  },

  cancel(): void {
    cancelled = true;
  },
};

export type BenchDesk = typeof desk;

expose(desk);
