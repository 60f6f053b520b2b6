// The sections of the bench, in the order of the page.
import type { Feeds } from '../accuracy/tensor.ts';
import { eightfold, type Feeds as PublicFeeds } from '../node/support/eightfold.ts';
import { openOurs, openTheirs } from './engines.ts';
import { inputOf, kLayers, layerModel, macs } from './layers.ts';
import { attempt, faster, milliseconds, rate, ratio, type Section, timed } from './section.ts';
import { openSubject, type Subject, subjectNames } from './subjects.ts';

async function feedsOf(subject: Subject): Promise<Feeds> {
  return subject.feeds(await eightfold.inspect(subject.model));
}

const float: Section = {
  key: 'float',
  title: 'Float models',
  note: 'One run of the float model. Ratio: how many times as fast as onnxruntime-web Eightfold is.',
  columns: ['Eightfold', 'onnxruntime-web', 'ratio'],
  judged: 2,
  what: 'model',
  names: subjectNames(),
  async row(name, rounds) {
    const subject = openSubject(name);
    const feeds = await feedsOf(subject);
    const engines = [
      await openOurs(subject.model, feeds),
      await attempt(() => openTheirs(subject.model, feeds)),
    ];
    const [ours, theirs] = await timed(engines, rounds);
    return [milliseconds(ours), milliseconds(theirs), ratio(theirs, ours)];
  },
};

/** The int8 file in a form, with the default settings. */
async function int8File(subject: Subject, feeds: Feeds, format: 'qdq' | 'qoperator') {
  const calibration = (await subject.calibration(feeds)) as AsyncIterable<PublicFeeds>;
  const { model } = await eightfold.quantize(subject.model, {
    calibration,
    format,
    compareSamples: 0,
  });
  return model;
}

const int8: Section = {
  key: 'int8',
  title: 'Int8 models',
  note: `One run of the int8 model that \`quantize\` makes with its default settings, lowered, in our Session; against
onnxruntime-web on the float model, and on our exported QDQ and QOperator files. "of int8" is against the faster of
these two.`,
  columns: [
    'Eightfold int8',
    'onnxruntime-web float',
    'its QDQ',
    'its QOperator',
    'ratio of float',
    'ratio of int8',
  ],
  judged: 4,
  what: 'model',
  names: subjectNames(),
  async row(name, rounds) {
    const subject = openSubject(name);
    const feeds = await feedsOf(subject);
    const qdq = await int8File(subject, feeds, 'qdq');
    const qoperator = await int8File(subject, feeds, 'qoperator');
    const engines = [
      await openOurs(qdq, feeds),
      await attempt(() => openTheirs(subject.model, feeds)),
      await attempt(() => openTheirs(qdq, feeds)),
      await attempt(() => openTheirs(qoperator, feeds)),
    ];
    const [ours, theirFloat, theirQdq, theirQOperator] = await timed(engines, rounds);
    return [
      milliseconds(ours),
      milliseconds(theirFloat),
      milliseconds(theirQdq),
      milliseconds(theirQOperator),
      ratio(theirFloat, ours),
      ratio(faster(theirQdq, theirQOperator), ours),
    ];
  },
};

const layers: Section = {
  key: 'layers',
  title: 'Layers',
  note: `Chains of one layer in billions of multiply-accumulates a second, and how many times as fast as onnxruntime-web's
int8 operators (uint8 activations, int8 weights) each of our forms is; the last column is turbo against its float. What
the forms promise the kernels: tests/bench/layers.ts.`,
  columns: [
    'float',
    'exact8',
    'fast8',
    'turbo',
    'onnxruntime-web float',
    'onnxruntime-web int8',
    'exact8 of int8',
    'fast8 of int8',
    'turbo of int8',
    'turbo of float',
  ],
  judged: 8,
  what: 'layer',
  names: kLayers.map(({ name }) => name),
  async row(name, rounds) {
    const layer = kLayers.find((each) => each.name === name)!;
    const { dims, count } = inputOf(layer);
    const bytes = Uint8Array.from({ length: count }, (_, i) => (i * 37) % 256);
    const integers: Feeds = { x: { type: 'uint8', dims, data: bytes } };
    const floats: Feeds = {
      x: { type: 'float32', dims, data: Float32Array.from(bytes, (b) => b / 128 - 1) },
    };
    const models = Object.fromEntries(
      (['float', 'exact8', 'fast8', 'turbo'] as const).map((form) => [
        form,
        layerModel(layer, form),
      ]),
    );
    const engines = [
      await openOurs(models.float!, floats),
      await openOurs(models.exact8!, integers),
      await openOurs(models.fast8!, integers),
      await openOurs(models.turbo!, integers),
      await attempt(() => openTheirs(models.float!, floats)),
      await attempt(() => openTheirs(models.exact8!, integers)),
    ];
    const [float, exact8, fast8, turbo, theirFloat, theirInt8] = await timed(engines, rounds);
    const all = [float, exact8, fast8, turbo, theirFloat, theirInt8];
    return [
      ...all.map((times) => rate(times, macs(layer))),
      ratio(theirInt8, exact8),
      ratio(theirInt8, fast8),
      ratio(theirInt8, turbo),
      ratio(theirFloat, turbo),
    ];
  },
};

export const kSections: readonly Section[] = [layers, float, int8];
