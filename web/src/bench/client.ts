// The benchmark as the page asks for it: the worker, started before the page says that it is ready, so that nothing is
// fetched later; the peer's address, which the host may give in peers.json.
import { proxy, wrap } from 'comlink';
import { kPeer } from '../../../bindings/js/cli/peer.ts';
import type { Row } from './rows.ts';
import { type Asked, layerNames, type Subject } from './subjects.ts';
import type { BenchDesk } from './worker.ts';

export const kRounds = 9;

export interface BenchWatch {
  signal: AbortSignal;
  /** `done` of all the work, 0..1. */
  onProgress(done: number, name: string): void;
  onRow(row: Row): void;
}

export interface Bench {
  readonly build: string;
  /** Why the peer has no bars; undefined where it has. */
  readonly peerMissing: string | undefined;
  /** Ends without a word when it is cancelled. */
  run(subject: Subject | undefined, watch: BenchWatch): Promise<void>;
}

async function peerAddress(): Promise<string | undefined> {
  try {
    const response = await fetch(new URL('./peers.json', document.baseURI));
    const address = response.ok && (await response.json())[kPeer];
    return address ? new URL(address, document.baseURI).href : undefined;
  } catch {
    return undefined; // a host that answers with something else names no peer
  }
}

export async function startBench(): Promise<Bench> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener('error', ({ message }) =>
      reject(new Error(`the benchmark's worker did not start: ${message ?? ''}`)),
    );
  });
  const desk = wrap<BenchDesk>(worker);
  const [build, address] = await Promise.race([Promise.all([desk.ready(), peerAddress()]), failed]);
  const none = `no ${kPeer} lies beside this page (peers.json would name it, and \`npm start\` serves one)`;
  let peerMissing: string | undefined = none;

  const run: Bench['run'] = async (subject, { signal, onProgress, onRow }) => {
    if (address && peerMissing) peerMissing = await desk.loadPeer(address);
    const asked: Asked[] = [
      ...layerNames().map((layer) => ({ layer })),
      ...(subject ? [subject] : []),
    ];
    const cancel = () => void desk.cancel();
    signal.addEventListener('abort', cancel);
    try {
      for (const [i, each] of asked.entries()) {
        const name = 'layer' in each ? each.layer : each.name;
        const onRound = (round: number) => onProgress((i + round / kRounds) / asked.length, name);
        onRound(0);
        const row = await desk.row(each, kRounds, proxy(onRound));
        if (!row || signal.aborted) return;
        onRow(row);
      }
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
  return {
    build,
    get peerMissing() {
      return peerMissing;
    },
    run,
  };
}
