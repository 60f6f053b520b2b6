// Functions of a BackendConfig, answering the core's questions: which node of a match is its root, which
// further inputs it gets, which node takes its place. The core waits outside: nothing re-enters it.
import type { Question, Reply, WireNode, WireShape, WireTensor } from '../core.ts';
import type { ErrorCode } from '../error_codes.ts';
import { EightfoldError, textOf } from '../errors.ts';
import { fromWireTensor, wireTensor } from '../tensors.ts';
import type { Tensor } from '../types.ts';
import { read, type Schema } from './check.ts';
import type { AttributeValue, FusedNode, NodeView } from './json.ts';
import type { Ask, CallerFunction } from './wire.ts';

type Table<T> = Readonly<Record<string, T>>;

const kScalar: Schema = { type: ['number', 'string'] };
const kTensor: Schema = { type: 'object', title: 'must be a tensor' };
const kFusedNode: Schema = {
  type: 'object',
  properties: {
    opType: { type: 'string' },
    attributes: {
      type: 'object',
      additionalProperties: { anyOf: [kScalar, { type: 'array', items: kScalar }, kTensor] },
    },
    removeAttributes: { type: 'array', items: { type: 'string' } },
    initializers: {
      type: 'object',
      propertyNames: { title: 'must be the index of an input', pattern: '^\\d{1,3}$' },
      additionalProperties: kTensor,
    },
    refusal: { type: 'string' },
  },
  additionalProperties: false,
};

const map = <A, B>(table: Table<A>, change: (value: A, key: string) => B) =>
  Object.fromEntries(Object.entries(table).map(([key, value]) => [key, change(value, key)]));

const isTensor = (value: unknown) => typeof value === 'object' && value !== null && 'dims' in value;

const viewOf = ({ attributes, initializers, ...node }: WireNode): NodeView => ({
  ...node,
  attributes: map(attributes, (value) =>
    isTensor(value) ? fromWireTensor(value as WireTensor) : (value as AttributeValue),
  ),
  initializers: map(initializers, fromWireTensor),
});

const wireNode = ({ opType, attributes, removeAttributes, initializers }: FusedNode) => ({
  opType: opType ?? '',
  attributes: map(attributes ?? {}, (value, name) => {
    if (typeof value !== 'object') return value;
    if (!Array.isArray(value)) return wireTensor(name, value as Tensor);
    if (value.every((item) => typeof item === typeof value[0])) return value;
    throw new Error(`attributes.${name}, which mixes numbers and strings`);
  }),
  removeAttributes: [...(removeAttributes ?? [])],
  initializers: map((initializers ?? {}) as Table<Tensor>, (tensor, index) =>
    wireTensor(index, tensor),
  ),
});

type Tree = NodeView | Tree[];
type Role = 'rootNodeGetter' | 'extraInputsGetter' | 'fuserMethod';

const treeOf = (shape: WireShape, nodes: NodeView[]): Tree =>
  typeof shape === 'number' ? nodes[shape]! : shape.map((part) => treeOf(part, nodes));

/** One match and what is said about it. */
class Answering {
  readonly #question: Question;
  readonly #functions: Map<string, CallerFunction>;
  readonly #nodes: NodeView[];

  constructor(question: Question, functions: Map<string, CallerFunction>) {
    this.#question = question;
    this.#functions = functions;
    this.#nodes = question.nodes.map(viewOf);
  }

  async reply(): Promise<Reply> {
    const { shape, asksRoot, asksExtraInputs, asksFuser } = this.#question;
    const nodes = this.#nodes;
    const isTree = typeof shape === 'number' || Array.isArray(shape);
    const match = isTree ? treeOf(shape, nodes) : map(shape, (index) => nodes[index]!);
    const reply: Reply = { root: -1, extraInputs: [], fused: null, refusal: '' };
    if (asksRoot) reply.root = await this.#ask('rootNodeGetter', [match], this.#indexOf);
    if (asksExtraInputs) {
      reply.extraInputs = await this.#ask('extraInputsGetter', [match], (views: NodeView[]) => {
        if (!Array.isArray(views)) throw new Error('something else than a list of nodes');
        return views.map(this.#indexOf);
      });
    }
    if (!asksFuser) return reply;
    return this.#ask('fuserMethod', [false, ...this.#fuserArguments(match)], (given) => {
      const { refusal, ...fused } = read(
        kFusedNode,
        given ?? { refusal: '' },
        'FusedNode',
      ) as FusedNode;
      return refusal === undefined ? { ...reply, fused: wireNode(fused) } : { ...reply, refusal };
    });
  }

  /** Forward patterns flat and in their order, complex ones as they are, graphs by name. */
  #fuserArguments(match: Tree | Table<NodeView>): unknown[] {
    const nodes: unknown[] = Array.isArray(match) ? match : [match];
    return this.#question.pattern === 'forward' ? nodes.flat(Infinity).reverse() : nodes;
  }

  readonly #indexOf = (view: NodeView): number => {
    const index = this.#nodes.indexOf(view);
    if (index < 0) throw new Error('something that is no node of the match');
    return index;
  };

  async #ask<T, R>(role: Role, args: unknown[], understand: (given: T) => R): Promise<R> {
    const [{ name: node, opType }] = this.#nodes as [NodeView];
    const { run, pattern } = this.#functions.get(this.#question[role])!;
    const fail = (code: ErrorCode, verb: string, cause: unknown) => {
      const hint = cause instanceof EightfoldError ? cause.hint : '';
      const text = `the ${role} of ${pattern} ${verb}: ${textOf(cause)}`;
      return new EightfoldError(code, text, { node, opType, hint, cause });
    };
    let given: T;
    try {
      given = (await run(...args)) as T;
    } catch (thrown) {
      throw fail('callback_failed', 'threw', thrown);
    }
    try {
      return understand(given);
    } catch (fault) {
      throw fail('invalid_config', 'returned', fault);
    }
  }
}

/** Answers by the functions, one match after the other. */
export const answer =
  (functions: Map<string, CallerFunction>): Ask =>
  async (questions) => {
    const replies: Reply[] = [];
    for (const question of questions)
      replies.push(await new Answering(question, functions).reply());
    return replies;
  };
