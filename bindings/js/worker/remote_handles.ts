// Handles whose other half lives in the worker.
import type * as api from '../api.ts';
import { Deletable } from '../handles.ts';
import { copyFeeds } from '../tensors.ts';
import type { Feeds, LongCallOptions, ModelInfo, Tensor } from '../types.ts';
import type { Line } from './line.ts';
import type { HandleFacts, HandleRef } from './protocol.ts';

export abstract class RemoteHandle extends Deletable implements HandleRef {
  readonly eightfoldHandle: number;
  protected readonly line: Line;
  constructor(line: Line, { eightfoldHandle }: HandleFacts) {
    super();
    this.line = line;
    this.eightfoldHandle = eightfoldHandle;
  }
  protected ask(method: string, args: unknown[] = [], long?: LongCallOptions) {
    return this.line.call(method, args, { target: refOf(this), long });
  }
  delete(): void {
    this.line.free(refOf(this));
  }
}

export const refOf = ({ eightfoldHandle }: HandleRef): HandleRef => ({ eightfoldHandle });

export class RemoteModel extends RemoteHandle implements api.Model {
  readonly info: ModelInfo;
  constructor(line: Line, facts: HandleFacts) {
    super(line, facts);
    this.info = facts.info!;
  }
  text = () => this.ask('text') as Promise<string>;
}

export class RemotePrepared extends RemoteHandle implements api.PreparedModel {
  samples = () => this.ask('samples') as Promise<number>;
}

export class RemoteSession extends RemoteHandle implements api.Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  constructor(line: Line, facts: HandleFacts) {
    super(line, facts);
    this.inputNames = facts.inputNames!;
    this.outputNames = facts.outputNames!;
  }
  async run(feeds: Feeds, { signal }: api.RunOptions = {}): Promise<Record<string, Tensor>> {
    const long = signal ? { signal } : {};
    return (await this.ask('run', [copyFeeds(feeds), {}], long)) as Record<string, Tensor>;
  }
  async profile(feeds: Feeds, { signal }: api.RunOptions = {}): Promise<api.NodeTime[]> {
    const long = signal ? { signal } : {};
    return (await this.ask('profile', [copyFeeds(feeds), {}], long)) as api.NodeTime[];
  }
  stats = () => this.ask('stats') as Promise<api.SessionStats>;
}
