// The sections of the bench, in the order of the page.
import type { Feeds } from '../accuracy/tensor.ts';
import {
  eightfold,
  type Feeds as PublicFeeds,
  type QuantizeOptions,
} from '../node/support/eightfold.ts';
import { calibration } from './calibration_section.ts';
import { openOurs, openTheirs } from './engines.ts';
import { layers } from './layer_section.ts';
import { recurrent } from './recurrent_section.ts';
import { attempt, faster, milliseconds, ratio, type Section, timed } from './section.ts';
import { openSubject, type Subject, subjectNames } from './subjects.ts';
import { threads } from './threads_section.ts';

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

/** The int8 file in a form, with the default settings but for these. */
async function int8File(subject: Subject, feeds: Feeds, options: Partial<QuantizeOptions>) {
  const calibration = (await subject.calibration(feeds)) as AsyncIterable<PublicFeeds>;
  const { model } = await eightfold.quantize(subject.model, {
    calibration,
    compareSamples: 0,
    ...options,
  });
  return model;
}

const int8: Section = {
  key: 'int8',
  title: 'Int8 models',
  note: `One run of the int8 model that \`quantize\` makes with its default settings, lowered, in our Session; against
onnxruntime-web on the float model, and on our exported QDQ and QOperator files. "of int8" is against the faster of
these two. The last three columns are the mode \`auto\`.`,
  columns: [
    'Eightfold int8',
    'onnxruntime-web float',
    'its QDQ',
    'its QOperator',
    'ratio of float',
    'ratio of int8',
    'Eightfold auto',
    'auto of float',
    'auto of int8',
  ],
  judged: 4,
  what: 'model',
  names: subjectNames(),
  async row(name, rounds) {
    const subject = openSubject(name);
    const feeds = await feedsOf(subject);
    const qdq = await int8File(subject, feeds, { format: 'qdq' });
    const qoperator = await int8File(subject, feeds, { format: 'qoperator' });
    const auto = await int8File(subject, feeds, { mode: 'auto', compareSamples: 8 });
    const engines = [
      await openOurs(qdq, feeds),
      await attempt(() => openTheirs(subject.model, feeds)),
      await attempt(() => openTheirs(qdq, feeds)),
      await attempt(() => openTheirs(qoperator, feeds)),
      await openOurs(auto, feeds),
    ];
    const [ours, theirFloat, theirQdq, theirQOperator, fast] = await timed(engines, rounds);
    return [
      milliseconds(ours),
      milliseconds(theirFloat),
      milliseconds(theirQdq),
      milliseconds(theirQOperator),
      ratio(theirFloat, ours),
      ratio(faster(theirQdq, theirQOperator), ours),
      milliseconds(fast),
      ratio(theirFloat, fast),
      ratio(faster(theirQdq, theirQOperator), fast),
    ];
  },
};

export const kSections: readonly Section[] = [layers, recurrent, float, int8, calibration, threads];
