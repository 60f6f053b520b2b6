// The section of calibration: samples run through the prepared model, against the float model alone.
import { eightfold, type Feeds as PublicFeeds } from '../node/support/eightfold.ts';
import type { OpenEngine } from './engines.ts';
import { milliseconds, ratio, type Section, timed } from './section.ts';
import { openSubject, subjectNames } from './subjects.ts';

const kSamples = 100;

async function firstSamples(all: AsyncIterable<unknown>): Promise<PublicFeeds[]> {
  const samples: PublicFeeds[] = [];
  for await (const feeds of all) {
    samples.push(feeds as PublicFeeds);
    if (samples.length === kSamples) break;
  }
  // Where there are fewer, they come again.
  return Array.from({ length: kSamples }, (_, i) => samples[i % samples.length]!);
}

async function running(model: Uint8Array, samples: PublicFeeds[]): Promise<OpenEngine> {
  const session = await eightfold.createSession(model);
  const run = async () => {
    for (const feeds of samples) await session.run(feeds);
  };
  return { name: 'float', run, close: async () => session.delete() };
}

async function calibrating(model: Uint8Array, samples: PublicFeeds[]): Promise<OpenEngine> {
  const float = await eightfold.loadModel(model);
  const fused = await eightfold.fuse(float);
  const prepared = await eightfold.prepare(fused);
  const run = () => eightfold.calibrate(prepared, samples);
  const close = async () => [float, fused, prepared].forEach((handle) => handle.delete());
  return { name: 'calibration', run, close };
}

const kNames = ['darknet-tiny-imagenet', 'resnet8-cifar10', 'ultraface-rfb-320', 'superres-3x'];

export const calibration: Section = {
  key: 'calibration',
  title: 'Calibration',
  note: `${kSamples} samples through the float model, and through the prepared one with the default observers, planning
included. Cost: the second in terms of the first.`,
  columns: ['running', 'calibrating', 'cost'],
  judged: 2,
  what: 'model',
  names: subjectNames().filter((name) => kNames.includes(name)),
  async row(name, rounds) {
    const subject = openSubject(name);
    const feeds = subject.feeds(await eightfold.inspect(subject.model));
    const samples = await firstSamples(await subject.calibration(feeds));
    const engines = [
      await running(subject.model, samples),
      await calibrating(subject.model, samples),
    ];
    const [float, observed] = await timed(engines, rounds);
    return [milliseconds(float), milliseconds(observed), ratio(observed, float)];
  },
};
