// The sections of the bench, in the order of the page.
import type { Feeds } from '../accuracy/tensor.ts';
import { eightfold, type Feeds as PublicFeeds } from '../node/support/eightfold.ts';
import { openOurs, openTheirs } from './engines.ts';
import { attempt, faster, milliseconds, ratio, type Section, timed } from './section.ts';
import type { Subject } from './subjects.ts';

async function feedsOf(subject: Subject): Promise<Feeds> {
  return subject.feeds(await eightfold.inspect(subject.model));
}

const float: Section = {
  key: 'float',
  title: 'Float models',
  note: 'One run of the float model. Ratio: how many times as fast as onnxruntime-web Eightfold is.',
  columns: ['Eightfold', 'onnxruntime-web', 'ratio'],
  judged: 2,
  async row(subject, rounds) {
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
  async row(subject, rounds) {
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

export const kSections: readonly Section[] = [float, int8];
