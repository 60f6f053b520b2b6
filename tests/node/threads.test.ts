// Threads: how many there are, the same bytes for any number, faults and aborts on them, and their end.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { haveData } from '../accuracy/data.ts';
import { openSubject } from '../bench/subjects.ts';
import { Workshop } from './support/cli.ts';
import { digitSamples, digits, kDigits, kDigitsTest } from './support/digits.ts';
import { type Eightfold, eightfold, type Feeds, inRoot } from './support/eightfold.ts';
import { rejects } from './support/expect.ts';
import { kSkipReason } from './support/models.ts';
import { onnxModel } from './support/onnx_builder.ts';

const kCounts = [1, 2, 3, 4];
const kVariants =
  eightfold.bestVariant() === 'relaxed'
    ? (['simd128', 'relaxed'] as const)
    : (['simd128'] as const);

/** Runs the body with an instance for each number of threads. */
async function onEach(
  body: (instance: Eightfold, threads: number) => Promise<void>,
  variant: 'auto' | 'simd128' | 'relaxed' = 'auto',
): Promise<void> {
  for (const threads of kCounts) {
    const instance = await eightfold.createInstance({ threads, variant });
    try {
      await body(instance, threads);
    } finally {
      instance.terminate();
    }
  }
}

test('an instance has as many threads as are asked for', async () => {
  await onEach(async (instance, threads) => assert.equal(instance.build.threads, threads));
  const auto = await eightfold.createInstance();
  assert.equal(auto.build.threads, eightfold.bestThreads());
  assert.ok(auto.build.threads >= 1 && auto.build.threads <= 4);
  auto.terminate();
  assert.equal(auto.build.threads, 1);
});

test('numbers that are none are refused', async () => {
  for (const threads of [0, -1, 1.5, 65, Number.NaN, 'all']) {
    const options = { threads: threads as number };
    await rejects(() => eightfold.createInstance(options), { code: 'invalid_config' });
  }
});

async function bytesOf(instance: Eightfold, model: Uint8Array, feeds: Feeds) {
  using session = await instance.createSession(model.slice());
  const outputs = await session.run(feeds);
  return Object.values(outputs).map(({ data }) => {
    const { buffer, byteOffset, byteLength } = data as Float32Array;
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
}

/** Small and large convolutions, depthwise ones, one row of a Gemm, residuals, hard swish. */
const kModels = [
  'darknet-tiny-imagenet',
  'resnet8-cifar10',
  'superres-3x',
  'ultraface-rfb-320',
  'vww-mobilenet-0.25-96',
  'autoencoder-ad',
  'ppocr-angle-cls',
];

for (const name of kModels) {
  test(`${name}: the same bytes for any number of threads`, async (t) => {
    if (!haveData()) return t.skip(kSkipReason);
    const { model, feeds: feedsOf } = openSubject(name);
    const feeds = feedsOf(await eightfold.inspect(model)) as Feeds;
    const { model: int8 } = await eightfold.quantize(model, {
      calibration: [feeds],
      compareSamples: 0,
    });
    for (const variant of kVariants) {
      const first: Uint8Array[][] = [];
      await onEach(async (instance, threads) => {
        for (const [i, file] of [model, int8].entries()) {
          const made = await bytesOf(instance, file, feeds);
          first[i] ??= made;
          assert.deepEqual(made, first[i], `${variant}, ${threads} threads, file ${i}`);
        }
      }, variant);
    }
  });
}

test('quantizing on threads makes the same file', async () => {
  const files: Uint8Array[] = [];
  await onEach(async (instance) => {
    const { model } = await instance.quantize(digits(), { calibration: digitSamples(16) });
    files.push(model);
  });
  for (const file of files) assert.deepEqual(file, files[0]);
});

const kSide = 96;
const noise = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) / 8);

/** Convolutions that are shared out, then a Gather whose index comes as data. */
const heavy = (layers: number) =>
  onnxModel({
    nodes: [
      ...Array.from({ length: layers }, (_, i) => ({
        op: 'Conv',
        name: `conv_${i}`,
        inputs: [i ? `h${i}` : 'x', 'w'],
        outputs: [`h${i + 1}`],
        attributes: { pads: [1, 1, 1, 1] },
      })),
      {
        op: 'Gather',
        name: 'pick',
        inputs: [`h${layers}`, 'at'],
        outputs: ['y'],
        attributes: { axis: 1 },
      },
    ],
    inputs: { x: { dims: [1, 16, kSide, kSide] }, at: { type: 'int64', dims: [1] } },
    outputs: { y: { dims: [1, 1, kSide, kSide] } },
    initializers: { w: { dims: [16, 16, 3, 3], data: noise(16 * 16 * 9) } },
  });

const heavyFeeds = (at: bigint): Feeds => ({
  x: {
    type: 'float32',
    data: Float32Array.from(noise(16 * kSide * kSide)),
    dims: [1, 16, kSide, kSide],
  },
  at: { type: 'int64', data: BigInt64Array.of(at), dims: [1] },
});

test('after a fault born of data, and after an abort, a session runs as before', async () => {
  await onEach(async (instance, threads) => {
    using session = await instance.createSession(heavy(threads > 1 ? 60 : 2));
    const before = await session.run(heavyFeeds(3n));
    await rejects(() => session.run(heavyFeeds(99n)), { code: 'invalid_data', node: 'pick' });
    if (threads > 1) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 5);
      const { signal } = controller;
      await rejects(() => session.run(heavyFeeds(3n), { signal }), { code: 'aborted' });
    }
    assert.deepEqual(await session.run(heavyFeeds(3n)), before);
  });
});

test('a run takes no more memory than the one before it', async () => {
  await onEach(async (instance) => {
    using session = await instance.createSession(heavy(2));
    await session.run(heavyFeeds(3n));
    const { allocatedBytes } = await instance.memory();
    for (let i = 0; i < 20; i++) await session.run(heavyFeeds(3n));
    assert.equal((await instance.memory()).allocatedBytes, allocatedBytes);
  });
});

const index = JSON.stringify(inRoot('dist/js/index.js'));
const node = JSON.stringify(inRoot('dist/js/node.js'));
const file = JSON.stringify(kDigits);

/** What a script prints, run by a Node of its own that has to end by itself. */
async function printed(script: string, flags: string[] = []): Promise<string> {
  const args = [...flags, '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  return stdout.trim();
}

test('a process ends while its instance has threads', async () => {
  const script = `
    import { readFileSync } from 'node:fs';
    import { createInstance } from ${index};
    const instance = await createInstance({ threads: 4 });
    const session = await instance.createSession(readFileSync(${file}));
    console.log(instance.build.threads);`;
  assert.equal(await printed(script), '4');
});

/** Counts the workers of this process that end. */
const kCounting = `
  let ended = 0;
  process.on('worker', (worker) => worker.on('exit', () => ended++));
  const allEnded = async (count) => {
    for (let i = 0; i < 400 && ended < count; i++) {
      globalThis.gc?.();
      await new Promise((done) => setTimeout(done, 25));
    }
    return ended;
  };`;

test('terminate ends the threads, and the instance goes on', async () => {
  const script = `
    import { readFileSync } from 'node:fs';
    import { createInstance } from ${index};
    ${kCounting}
    const instance = await createInstance({ threads: 4 });
    instance.terminate();
    const { inputs } = await instance.inspect(readFileSync(${file}));
    console.log(await allEnded(3), inputs.length, instance.build.threads);`;
  assert.equal(await printed(script), '3 1 1');
});

test('the threads of an instance that nobody holds end', async () => {
  const script = `
    import { createInstance } from ${index};
    ${kCounting}
    await (async () => { await createInstance({ threads: 3 }); })();
    console.log(await allEnded(2));`;
  assert.equal(await printed(script, ['--expose-gc']), '2');
});

test('an instance in a worker thread has threads, and ends with it', async () => {
  const script = `
    import { readFileSync } from 'node:fs';
    import { startWorker } from ${node};
    ${kCounting}
    const instance = await startWorker({ threads: 3 });
    const session = await instance.createSession(readFileSync(${file}));
    console.log(instance.build.threads, session.inputNames.length);
    instance.terminate();
    console.log(await allEnded(1));`;
  assert.equal(await printed(script), '3 1\n1');
});

test('the command line takes --threads', async () => {
  const shop = new Workshop();
  try {
    const run = (threads: string) =>
      shop.run(['--threads', threads, 'run', kDigits, '--inputs', kDigitsTest, '-o', 'y.npz']);
    for (const threads of ['1', '3']) assert.equal((await run(threads)).code, 0);
    assert.equal((await run('0')).code, 2);
    assert.equal((await run('many')).code, 2);
  } finally {
    shop.close();
  }
});
