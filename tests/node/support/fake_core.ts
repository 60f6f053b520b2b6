// A core that only fuses, by a script: it asks the questions it was given and keeps the replies. It counts
// its handles, so that a test sees what was not freed.
import type {
  Core,
  CoreFusing,
  CoreModel,
  Question,
  Reply,
  WireNode,
} from '../../../bindings/js/core.ts';

/** What the verbs handed over, in order: the verb, then its texts. */
export type Call = [verb: string, ...texts: unknown[]];

export class FakeCore {
  readonly calls: Call[] = [];
  readonly replies: Reply[][] = [];
  alive = 0;
  readonly #rounds: Question[][];

  constructor(rounds: Question[][] = []) {
    this.#rounds = rounds;
  }

  #handle<T extends object>(methods: T): T & { delete(): void; isDeleted(): boolean } {
    let deleted = false;
    this.alive++;
    const free = () => {
      if (deleted) throw new Error('deleted twice');
      deleted = true;
      this.alive--;
    };
    return { ...methods, delete: free, isDeleted: () => deleted };
  }

  #model(stage: string): CoreModel {
    const info = { stage } as ReturnType<CoreModel['info']>;
    return this.#handle({
      info: () => info,
      stage: () => stage,
      text: () => stage,
      fileBytes: () => 0,
      save: () => new Uint8Array(),
      saveFiles: () => ({ model: new Uint8Array(), externalData: new Uint8Array() }),
    });
  }

  #fusing(): CoreFusing {
    let round = -1;
    return this.#handle({
      nextRound: () => ++round < this.#rounds.length,
      questions: () => structuredClone(this.#rounds[round]!),
      answer: (replies: Reply[]) => void this.replies.push(replies),
      finish: () => this.#model('fused'),
    });
  }

  /** The part of a core that configs go through. */
  core(): Core {
    const called = (verb: string, ...texts: unknown[]) => void this.calls.push([verb, ...texts]);
    const part: Partial<Core> = {
      isa: () => 'fake',
      startLoading: () =>
        this.#handle({
          parts: () => [],
          reserve: () => {},
          fill: () => {},
          finish: () => this.#model('float'),
        }),
      fuse: (_, ...texts) => {
        called('fuse', ...texts);
        return this.#model('fused');
      },
      startFusing: (_, ...texts) => {
        called('startFusing', ...texts);
        return this.#fusing();
      },
      prepare: (_, ...texts) => {
        called('prepare', ...texts);
        return this.#handle({ graph: () => this.#model('fused'), samples: () => 0 });
      },
      convert: (_, ...texts) => {
        called('convert', ...texts);
        return this.#model('quantized');
      },
      explain: (model, ...texts) => {
        called('explain', model.stage(), ...texts);
        return JSON.stringify({
          backend: 'fake',
          nodes: [],
          quantized: 0,
          floatNodes: 0,
          remarks: [],
        });
      },
      backend: (name) => JSON.stringify({ name, configs: [{ pattern: ['Conv', 'Relu'] }] }),
      qconfigNames: () => ['default_qconfig'],
    };
    return part as Core;
  }
}

const bytes = (values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

export function wireNode(name: string, opType: string, more: Partial<WireNode> = {}): WireNode {
  const inputs = [`${name}_in`];
  return { name, opType, attributes: {}, inputs, initializers: {}, matchAll: false, ...more };
}

const weight = { name: 'w', type: 'float32', dims: [2], data: bytes([1, -2]) };

/** relu(add(skip, conv(x))): the residual example. */
export function residualQuestion(changes: Partial<Question> = {}): Question {
  return {
    pattern: 'complex',
    nodes: [
      wireNode('relu1', 'Relu'),
      wireNode('add1', 'Add', { inputs: ['x', 'conv1_out'] }),
      wireNode('x', '', { inputs: [], matchAll: true }),
      wireNode('conv1', 'Conv', {
        attributes: { group: 1, auto_pad: 'NOTSET', pads: [0, 1], table: weight },
        initializers: { 1: weight },
      }),
    ],
    shape: [0, [1, 2, 3]],
    asksRoot: true,
    asksExtraInputs: true,
    asksFuser: true,
    rootNodeGetter: 'js:1',
    extraInputsGetter: 'js:2',
    fuserMethod: 'js:0',
    ...changes,
  };
}
