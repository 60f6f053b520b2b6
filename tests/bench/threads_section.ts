// The section of threads: two against one, of the same build in one process.
import { type Eightfold, eightfold, type Feeds as PublicFeeds } from '../node/support/eightfold.ts';
import { openOurs } from './engines.ts';
import { milliseconds, ratio, type Section, timed } from './section.ts';
import { openSubject, subjectNames } from './subjects.ts';

let two: Promise<Eightfold> | undefined;

export const threads: Section = {
  key: 'threads',
  title: 'Two threads',
  note: `The float and the int8 model on one thread and on two of the build with threads. It takes a machine
whose second core is free.`,
  columns: ['float, 1', 'float, 2', 'float ratio', 'int8, 1', 'int8, 2', 'int8 ratio'],
  judged: 5,
  what: 'model',
  names: subjectNames(),
  async row(name, rounds) {
    two ??= eightfold.createInstance({ threads: 2 });
    const pair = await two;
    const subject = openSubject(name);
    const feeds = subject.feeds(await eightfold.inspect(subject.model));
    const calibration = (await subject.calibration(feeds)) as AsyncIterable<PublicFeeds>;
    const { model } = await eightfold.quantize(subject.model, { calibration, compareSamples: 0 });
    const [float1, float2, int1, int2] = await timed(
      [
        await openOurs(subject.model, feeds),
        await openOurs(subject.model, feeds, pair),
        await openOurs(model, feeds),
        await openOurs(model, feeds, pair),
      ],
      rounds,
    );
    return [
      milliseconds(float1),
      milliseconds(float2),
      ratio(float1, float2),
      milliseconds(int1),
      milliseconds(int2),
      ratio(int1, int2),
    ];
  },
};
