// Streams: which output is fed to which input, how windows are cut, and a detector quantized on a recording.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readWavFile } from '../../bindings/js/node/wav.ts';
import { audioFeeds, audioStreamOf, runStream, windowOf } from '../../bindings/js/stream.ts';
import type { ModelInfo, ValueInfo } from '../../bindings/js/types.ts';
import { haveData, kNoData, readModel } from '../accuracy/data.ts';
import { recordedSpeech, speechSignal } from '../accuracy/data_streams.ts';
import { eightfold, type Feeds, inRoot } from './support/eightfold.ts';
import {
  detectorModel,
  kContext,
  kRate,
  kWindow,
  recording,
  wavFile,
} from './support/streaming.ts';

const value = (name: string, dims: ValueInfo['dims'], type: ValueInfo['type'] = 'float32') => ({
  name,
  type,
  dims,
});
const modelOf = (inputs: ValueInfo[], outputs: ValueInfo[]) => ({ inputs, outputs }) as ModelInfo;

/** State inputs with the outputs that are fed to them. */
const pairsOf = (info: ModelInfo) =>
  Object.entries(audioStreamOf(info)?.state ?? {}).map(([name, { from }]) => `${from} -> ${name}`);

test('states are paired by shape, and by name where shapes are equal', () => {
  const silero = modelOf(
    [
      value('input', ['batch', 'sequence']),
      value('state', [2, 'batch', 128]),
      value('sr', [], 'int64'),
    ],
    [value('output', ['batch', 1]), value('stateN', ['a', 'batch', 'b'])],
  );
  assert.deepEqual(pairsOf(silero), ['stateN -> state']);
  const stream = audioStreamOf(silero)!;
  assert.deepEqual(stream.dims, [1, 576]);
  assert.equal(stream.context, 64);
  assert.equal(stream.output, 'output');
  assert.deepEqual(stream.fixed.sr!.data, BigInt64Array.of(16000n));
  assert.deepEqual(stream.state.state!.dims, [2, 1, 128]);

  // Two states of one shape, listed crosswise, and before the signal.
  const crossed = modelOf(
    [value('h', [1, 1, 64]), value('c', [1, 1, 64]), value('x', [1, 512])],
    [value('cn', [1, 1, 64]), value('hn', [1, 1, 64]), value('speech', [1, 1])],
  );
  assert.deepEqual(pairsOf(crossed).sort(), ['cn -> c', 'hn -> h']);
  assert.equal(audioStreamOf(crossed)!.input, 'x');
  assert.equal(audioStreamOf(crossed)!.context, 0);
  assert.equal(audioStreamOf(crossed)!.output, 'speech');

  // A state that no output fits stays zero; what is chosen goes before what is guessed.
  const odd = modelOf(
    [value('wave', [1, 160]), value('a', [1, 1, 8]), value('b', [1, 1, 9])],
    [value('p', [1, 1]), value('next', [1, 1, 8]), value('other', [1, 1, 8])],
  );
  assert.deepEqual(pairsOf(odd), ['next -> a']);
  assert.deepEqual(audioStreamOf(odd)!.fixed.b!.dims, [1, 1, 9]);
  const given = audioStreamOf(odd, { from: { a: 'other' }, context: 32, output: 'next', rate: 1 })!;
  assert.equal(given.state.a!.from, 'other');
  assert.deepEqual([given.context, given.output, given.rate], [32, 'next', 1]);
  assert.deepEqual(audioStreamOf(odd, { from: { a: null } })!.state, {});
});

test('a model that hears no signal is no audio stream', () => {
  const image = modelOf([value('x', [1, 3, 8, 8])], [value('y', [1, 10])]);
  const tokens = modelOf([value('ids', [1, 'n'], 'int64')], [value('y', [1, 10])]);
  const masked = modelOf(
    [value('x', [1, 512]), value('mask', [1, 512], 'int64')],
    [value('y', [1, 1])],
  );
  for (const info of [image, tokens, masked]) assert.equal(audioStreamOf(info), undefined);
});

test('windows follow each other without a gap, each behind its context', () => {
  const signal = Float32Array.from({ length: 103 }, (_, i) => i + 1);
  for (const [size, context] of [
    [10, 0],
    [13, 3],
    [12, 10],
  ] as const) {
    const stream = { dims: [1, size], context, input: 'x' };
    const all = [...audioFeeds({ ...stream, rate: 1, output: 'y', fixed: {}, state: {} }, signal)];
    const hop = size - context;
    assert.equal(all.length, Math.floor(signal.length / hop));
    all.forEach(({ x }, w) => {
      const want = Array.from({ length: size }, (_, i) => signal[w * hop - context + i] ?? 0);
      assert.deepEqual([...(x!.data as Float32Array)], want);
      assert.deepEqual(windowOf(stream, signal, w), x!.data);
    });
  }
});

test('a WAV file is read back as it was written, stereo as the mean', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wav-'));
  try {
    const path = join(folder, 'a.wav');
    const signal = recording(0.1);
    writeFileSync(path, wavFile(signal));
    const mono = readWavFile(path);
    assert.equal(mono.rate, kRate);
    assert.equal(mono.signal.length, signal.length);
    mono.signal.forEach((sample, i) => assert.ok(Math.abs(sample - signal[i]!) < 1 / 16000));
    const both = wavFile(Float32Array.of(0.5, 0, -0.5, -0.25));
    both.writeUInt16LE(2, 22);
    writeFileSync(path, both);
    const mixed = [...readWavFile(path).signal].map((sample) => sample.toFixed(3));
    assert.deepEqual(mixed, ['0.250', '-0.375']);
    writeFileSync(path, 'RIFF, but nothing else');
    assert.throws(() => readWavFile(path), { code: 'invalid_input' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Probabilities of each window, and the feeds they came from. */
async function heard(model: Uint8Array, signal: Float32Array) {
  const stream = audioStreamOf(await eightfold.inspect(model))!;
  const session = await eightfold.createSession(model);
  const [feeds, probabilities]: [Feeds[], number[]] = [[], []];
  for await (const step of runStream(session, stream, audioFeeds(stream, signal))) {
    feeds.push(step.feeds);
    probabilities.push(Number(step.outputs[stream.output]!.data[0]));
  }
  session.delete();
  return { stream, feeds, probabilities };
}

test('the detector made here hears the tone, in float and in int8', async () => {
  const signal = recording(4);
  const model = detectorModel();
  const float = await heard(model, signal);
  assert.deepEqual([float.stream.dims, float.stream.context], [[1, kWindow], kContext]);
  const share = float.probabilities.filter((p) => p > 0.5).length / float.probabilities.length;
  assert.ok(share > 0.3 && share < 0.7, `${share} of the windows`);
  const calibration = float.feeds.filter((_, i) => i % 4 === 0);
  const { model: made, report } = await eightfold.quantize(model, { calibration });
  assert.ok(report.layers.find(({ node }) => node === 'lstm')!.int8);
  const int8 = await heard(made, signal);
  const errors = float.probabilities.map((p, i) => Math.abs(p - int8.probabilities[i]!));
  const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
  assert.ok(mean > 0 && mean < 0.02, `mean error ${mean}`);
});

test('the example draws both, and writes the int8 model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'speech-'));
  const made = inRoot('examples/speech/out/int8-detector-made-here.onnx');
  try {
    const [model, wav] = ['detector-made-here.onnx', 'tone.wav'].map((name) => join(folder, name));
    writeFileSync(model!, detectorModel());
    writeFileSync(wav!, wavFile(recording(2)));
    const program = inRoot('examples/speech/run.mjs');
    const text = execFileSync(process.execPath, [program, model!, wav!], { encoding: 'utf8' });
    const [float, int8] = text.split('\n').map((line) => line.replace(/^.*?\|/, ''));
    assert.match(float!, /@|%/);
    assert.equal(float!.length, int8!.length);
    assert.match(text, /^125 windows, the same decision in 1[12]\d$/m);
    assert.ok(existsSync(made));
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(made, { force: true });
  }
});

test('the guessed stream gives the probabilities recorded by another runtime', {
  skip: !haveData() && kNoData,
}, async () => {
  const { probabilities } = await heard(readModel('silero-vad-16k-op15'), speechSignal());
  const recorded = recordedSpeech();
  assert.equal(probabilities.length, recorded.length);
  recorded.forEach((p, i) => assert.ok(Math.abs(p - probabilities[i]!) < 1e-3, `step ${i}`));
});
