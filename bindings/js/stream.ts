// Streaming models: what a model hands back at one step is fed again at the next one.
//
//   import { audioFeeds, audioStreamOf, runStream } from 'eightfold/stream';
//   const stream = audioStreamOf(await inspect(model))!;
//   for await (const { feeds, outputs } of runStream(session, stream, audioFeeds(stream, signal))) ...
//
// Feeds of a run of the float model, states included, are what a streaming model is calibrated with.
import type { Feeds, ModelInfo, ValueInfo } from './types.ts';

/** What a streaming model takes beside its sample. */
export interface Stream {
  /** The same at each step. */
  readonly fixed: Feeds;
  /** By the input that takes it: zeros at first, then the output `from` of the step before. */
  readonly state: Readonly<Record<string, { from: string; dims: readonly number[] }>>;
}

/** A model that hears a signal window by window and answers each with a probability. */
export interface AudioStream extends Stream {
  /** The input that takes a window, and its dims. */
  readonly input: string;
  readonly dims: readonly number[];
  /** Samples of a window that are the end of the one before. */
  readonly context: number;
  /** Samples per second. */
  readonly rate: number;
  /** The output that is the probability. */
  readonly output: string;
}

const kDefaultRate = 16000;
// As Silero's detector takes it, where the model leaves the length free.
const kFreeWindow = 576;

const sizeOf = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1);

/** Dims of a run of one sample: free ones are 1. */
const fixedDims = ({ dims }: ValueInfo) =>
  (dims ?? []).map((dim) => (typeof dim === 'number' ? dim : 1));

/** Every dim but the last is 1 or free. */
const isSignal = (value: ValueInfo) =>
  value.type === 'float32' &&
  !!value.dims?.length &&
  fixedDims(value)
    .slice(0, -1)
    .every((dim) => dim === 1);

const mayBeSame = (a: ValueInfo, b: ValueInfo) =>
  a.type === b.type &&
  a.dims?.length === b.dims?.length &&
  a.dims!.every((dim, i) => {
    const other = b.dims![i];
    return typeof dim !== 'number' || typeof other !== 'number' || dim === other;
  });

/** Share of two names that begins alike: state and stateN, h0 and hn, past_key and present_key. */
function likeness(a: string, b: string): number {
  const longest = Math.max(a.length, b.length);
  let same = 0;
  while (same < longest && a[same] === b[same]) ++same;
  return same / longest;
}

/** Inputs of states with the outputs that they are most likely fed from; the likest pairs first. */
function pairStates(
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
): Map<string, string> {
  const pairs = inputs
    .flatMap((input) => outputs.map((output) => ({ input, output })))
    .filter(({ input, output }) => input.dims && mayBeSame(input, output))
    .map((pair) => ({ ...pair, score: likeness(pair.input.name, pair.output.name) }));
  const found = new Map<string, string>();
  const taken = new Set<string>();
  for (const { input, output } of pairs.sort((a, b) => b.score - a.score)) {
    if (found.has(input.name) || taken.has(output.name)) continue;
    found.set(input.name, output.name);
    taken.add(output.name);
  }
  return found;
}

/** Windows are often a power of two and a smaller one of context: 576 = 512 + 64. */
function guessContext(size: number): number {
  const hop = 2 ** Math.floor(Math.log2(size));
  const rest = size - hop;
  return rest > 0 && Number.isInteger(Math.log2(rest)) ? rest : 0;
}

const zeros = (dims: readonly number[]) => ({
  type: 'float32' as const,
  data: new Float32Array(sizeOf(dims)),
  dims,
});

/** A tensor of one whole number: the rate. */
const rateTensor = ({ type, dims }: ValueInfo, rate: number) => ({
  type,
  data: type === 'int64' ? BigInt64Array.of(BigInt(rate)) : Int32Array.of(rate),
  dims: dims!.map(() => 1),
});

const isRate = ({ type, dims }: ValueInfo) =>
  (type === 'int64' || type === 'int32') && !!dims && dims.length <= 1 && (dims[0] ?? 1) === 1;

/** Parts of an audio stream that are known; the others are guessed. */
export interface AudioStreamChoice {
  input?: string;
  /** Samples of a window, those of the context included. */
  window?: number;
  context?: number;
  rate?: number;
  output?: string;
  /** Outputs by the state input they are fed to; `null` for one that stays zero. */
  from?: Readonly<Record<string, string | null>>;
}

/** The input for a signal: rather one that no output looks like the next value of. */
function signalInput({ inputs, outputs }: ModelInfo, name?: string): ValueInfo | undefined {
  const isFedBack = (input: ValueInfo) =>
    outputs.some((each) => mayBeSame(input, each) && likeness(input.name, each.name) > 0);
  if (name !== undefined) return inputs.find((each) => each.name === name);
  const fitting = inputs.filter(isSignal);
  return fitting.find((each) => !isFedBack(each)) ?? fitting[0];
}

/** A single number, or else the first that is no state. */
function probabilityOutput(outputs: readonly ValueInfo[], states: ReadonlySet<string>) {
  const left = outputs.filter(({ name, type }) => type === 'float32' && !states.has(name));
  return left.find((each) => sizeOf(fixedDims(each)) === 1) ?? left[0];
}

/**
 * How a model is fed as an audio stream, by the shapes and names of its inputs and outputs where nothing else is
 * said; undefined when it has no input for a signal, or one that nothing is known to be fed to.
 */
export function audioStreamOf(
  info: ModelInfo,
  choice: AudioStreamChoice = {},
): AudioStream | undefined {
  const { inputs, outputs } = info;
  const input = signalInput(info, choice.input);
  if (!input) return undefined;
  const rates = inputs.filter(isRate);
  const caches = inputs.filter((each) => each !== input && each.type === 'float32' && each.dims);
  if (1 + rates.length + caches.length < inputs.length) return undefined;
  const from: Record<string, string | null> = {
    ...Object.fromEntries(pairStates(caches, outputs)),
    ...choice.from,
  };
  const fed = caches.filter(({ name }) => from[name]);
  const unfed = caches.filter(({ name }) => !from[name]);
  const states = new Set(fed.map(({ name }) => from[name]!));
  const output = choice.output ?? probabilityOutput(outputs, states)?.name;
  if (output === undefined) return undefined;
  const last = input.dims?.at(-1);
  const window = choice.window ?? (typeof last === 'number' ? last : kFreeWindow);
  const rate = choice.rate ?? kDefaultRate;
  return {
    input: input.name,
    dims: [...fixedDims(input).slice(0, -1), window],
    context: choice.context ?? guessContext(window),
    rate,
    output,
    fixed: Object.fromEntries([
      ...rates.map((each) => [each.name, rateTensor(each, rate)]),
      ...unfed.map((each) => [each.name, zeros(fixedDims(each))]),
    ]),
    state: Object.fromEntries(
      fed.map((each) => [each.name, { from: from[each.name]!, dims: fixedDims(each) }]),
    ),
  };
}

type WindowForm = Pick<AudioStream, 'dims' | 'context'>;

/** New samples of each window. */
export const hopOf = ({ dims, context }: WindowForm) => sizeOf(dims) - context;

/** Whole windows of a signal. */
export const windowCount = (form: WindowForm, samples: number) => Math.floor(samples / hopOf(form));

/** Window `index`: the context before it (zeros before the beginning), then its new samples. */
export function windowOf(form: WindowForm, signal: Float32Array, index: number): Float32Array {
  const { context } = form;
  const hop = hopOf(form);
  const window = new Float32Array(context + hop);
  const start = index * hop - context;
  const from = Math.max(0, start);
  window.set(signal.subarray(from, (index + 1) * hop), from - start);
  return window;
}

/** Each whole window of a signal as what the model's signal input takes. */
export function* audioFeeds(stream: AudioStream, signal: Float32Array): Generator<Feeds> {
  const { input, dims } = stream;
  const count = windowCount(stream, signal.length);
  for (let i = 0; i < count; ++i)
    yield { [input]: { type: 'float32', data: windowOf(stream, signal, i), dims } };
}

interface Runner {
  run(feeds: Feeds): Promise<Feeds>;
}

/** What a model is fed beside its sample at the first step. */
export const startOf = ({ fixed, state }: Stream): Feeds => ({
  ...fixed,
  ...Object.fromEntries(Object.entries(state).map(([name, { dims }]) => [name, zeros(dims)])),
});

/** Runs step after step; yields what was fed, states included, with what came of it. */
export async function* runStream(
  runner: Runner,
  stream: Stream,
  steps: Iterable<Feeds>,
): AsyncGenerator<{ feeds: Feeds; outputs: Feeds }> {
  const caches = Object.entries(stream.state);
  let beside = startOf(stream);
  for (const step of steps) {
    const feeds = { ...step, ...beside };
    const outputs = await runner.run(feeds);
    const fed = caches.map(([name, { from }]) => [name, outputs[from]!]);
    beside = { ...stream.fixed, ...Object.fromEntries(fed) };
    yield { feeds, outputs };
  }
}
