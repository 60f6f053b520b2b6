// A backend on its way to the core: JSON text, in which functions have names that the caller answers for.
import type { Question, Reply } from '../core.ts';
import { BackendConfig } from './backend.ts';
import { plain } from './base.ts';
import { answer } from './callbacks.ts';
import type { Backend } from './json.ts';

export interface CallerFunction {
  run: (...args: unknown[]) => unknown;
  /** Of the config it belongs to, for messages. */
  pattern: string;
}

export type Ask = (questions: Question[]) => Promise<Reply[]>;

/** The config as text, and its functions by the names they have there. */
export function wireOf(config: BackendConfig) {
  const functions = new Map<string, CallerFunction>();
  const configs = config.configs.map((one) => {
    const pattern = JSON.stringify(one.pattern ?? one.complexPattern);
    return plain(one, (run) => {
      const name = `js:${functions.size}`;
      functions.set(name, { run: run as CallerFunction['run'], pattern });
      return name;
    });
  });
  return { json: JSON.stringify({ name: config.name, configs }), functions };
}

export class BackendWire {
  readonly json: string;
  /** Names of functions. */
  readonly names: string[];
  readonly ask: Ask;
  constructor(json: string, names: string[], ask: Ask) {
    this.json = json;
    this.names = names;
    this.ask = ask;
  }
}

const kDefaultBackend = 'exact8';

export function backendWire(backend: Backend | BackendWire = kDefaultBackend): BackendWire {
  if (backend instanceof BackendWire) return backend;
  if (typeof backend === 'string')
    return new BackendWire(JSON.stringify(backend), [], answer(new Map()));
  const config = backend instanceof BackendConfig ? backend : BackendConfig.fromJSON(backend);
  const { json, functions } = wireOf(config);
  return new BackendWire(json, [...functions.keys()], answer(functions));
}
