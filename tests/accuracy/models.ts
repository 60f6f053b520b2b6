// One row per model: how a sample enters, which samples calibrate and which test, how a run is
// scored, what it may lose. The sets are those of the data's README; adding a model is adding a row.
import { type Bound, keeps, loses, moves, staysBelow, staysWithin } from './bounds.ts';
import {
  cifar10,
  imagenet,
  keypoints,
  melWindows,
  mnist,
  people,
  superresPairs,
  wordCrops,
} from './data.ts';
import { noisyFrames, speechSteps, stories } from './data_streams.ts';
import type { InputForm } from './evaluate.ts';
import { chain, pick, type Samples } from './samples.ts';
import {
  anchorClasses,
  argmaxOf,
  type Choice,
  classified,
  detections,
  type Figures,
  reconstruction,
  type Score,
  superResolution,
  valuesOf,
  wakeWords,
} from './scores.ts';
import {
  denoised,
  isSpeech,
  nextToken,
  nextTokens,
  portraitMask,
  portraits,
  speech,
  words,
} from './scores_streams.ts';

export interface Sets {
  readonly calibration: Samples;
  readonly test: Samples;
  /** The samples behind the quoted figures, when they are not the test samples. */
  readonly quoted?: Samples;
}

export interface ModelRow extends InputForm {
  readonly name: string;
  /** The model takes any number of samples in one run. */
  readonly freeBatch: boolean;
  readonly sets: () => Sets | Promise<Sets>;
  readonly score: Score;
  readonly bounds: readonly Bound[];
  /** Compared between runtimes: the decisions, and the outputs that are signals. */
  readonly choice?: Choice;
  readonly signals: readonly string[];
  /** The least share of multiply-accumulates in int8, in percent. */
  readonly int8Macs: number;
  /** Operators that may run in float: their multiply-accumulates are left out of the share. */
  readonly staysFloat?: readonly string[];
  /** Operators whose integer form onnxruntime does not have: files hold them in float between pairs. */
  readonly floatElsewhere?: readonly string[];
  /** No DequantizeLinear between the first and the last integer Conv or Gemm. */
  readonly unbroken: boolean;
  /** Float figures from the data's README, and how far a decoder of ours may be from its own. */
  readonly quoted: Figures;
  readonly quotedSlack: number;
}

const kEveryFourth = (i: number) => i % 4 === 0;

export const kModels: readonly ModelRow[] = [
  {
    name: 'mnist-cnn-8',
    input: 'Input3',
    dims: [1, 28, 28],
    batch: 1,
    freeBatch: false,
    sets: () => ({ calibration: mnist('calib'), test: mnist('test') }),
    score: classified(argmaxOf('Plus214_Output_0')),
    bounds: [loses('top-1 %', 0.2)],
    choice: argmaxOf('Plus214_Output_0'),
    signals: ['Plus214_Output_0'],
    int8Macs: 95,
    unbroken: true,
    quoted: { 'top-1 %': 98.4 },
    quotedSlack: 0.005,
  },
  {
    name: 'resnet8-cifar10',
    input: 'input',
    dims: [3, 32, 32],
    batch: 50,
    freeBatch: true,
    sets: () => ({ calibration: cifar10('calib-200'), test: cifar10('test-600') }),
    score: classified(argmaxOf('output')),
    bounds: [loses('top-1 %', 1.0)],
    choice: argmaxOf('output'),
    signals: ['output'],
    int8Macs: 95,
    unbroken: true,
    quoted: { 'top-1 %': 90.0 },
    quotedSlack: 0.005,
  },
  {
    name: 'darknet-tiny-imagenet',
    input: 'input',
    dims: [3, 224, 224],
    batch: 8,
    freeBatch: true,
    sets: async () => {
      const photos = await imagenet({ width: 224, height: 224, mean: 0, scale: 255 });
      return { calibration: pick(photos, kEveryFourth), test: photos };
    },
    score: classified(argmaxOf('logits')),
    bounds: [loses('top-1 %', 2.0), keeps('same as float %', 88)],
    choice: argmaxOf('logits'),
    signals: ['logits'],
    int8Macs: 95,
    unbroken: true,
    quoted: { 'top-1 %': 65.25 },
    quotedSlack: 0.75, // three photos of 400: JPEG decoders differ by up to 3 of 255
  },
  {
    name: 'vww-mobilenet-0.25-96',
    input: 'input',
    dims: [3, 96, 96],
    batch: 50,
    freeBatch: true,
    sets: async () => {
      const form = { width: 96, height: 96, mean: 0, scale: 255 };
      const photos = await imagenet(form);
      return { calibration: pick(photos, kEveryFourth), test: chain(photos, await people(form)) };
    },
    score: wakeWords,
    bounds: [keeps('same as float %', 98)],
    choice: argmaxOf('output'),
    signals: ['output'],
    int8Macs: 95,
    unbroken: true,
    quoted: { 'person on 12 portraits': 12, 'no person on 157 animals': 140 },
    quotedSlack: 0.5,
  },
  {
    name: 'ultraface-rfb-320',
    input: 'input',
    dims: [3, 240, 320],
    batch: 1,
    freeBatch: false,
    sets: async () => {
      const photos = await people({ width: 320, height: 240, mean: 127, scale: 128 });
      return { calibration: pick(photos, (i) => /^\d/.test(photos.names![i]!)), test: photos };
    },
    score: detections,
    bounds: [keeps('found %', 95), staysBelow('extra %', 5)],
    choice: anchorClasses,
    signals: ['scores', 'boxes'],
    int8Macs: 90,
    unbroken: false,
    quoted: { 'recorded found %': 100 },
    quotedSlack: 0.005,
  },
  {
    name: 'superres-3x',
    input: 'input',
    dims: [1, 96, 96],
    batch: 1,
    freeBatch: true,
    sets: async () => {
      const pairs = await superresPairs();
      return {
        calibration: pick(pairs, (i) => i < 4),
        test: pick(pairs, (i) => i >= 4),
        quoted: pairs,
      };
    },
    score: superResolution,
    bounds: [loses('PSNR dB', 0.5)],
    signals: ['output'],
    int8Macs: 90,
    unbroken: false,
    quoted: { 'PSNR dB': 24.5 },
    quotedSlack: 0.005,
  },
  {
    name: 'autoencoder-ad',
    input: 'input',
    dims: [640],
    batch: 29,
    freeBatch: true,
    sets: () => {
      const windows = melWindows();
      return {
        calibration: pick(windows, (i) => i < 58),
        test: pick(windows, (i) => i >= 58),
        quoted: windows,
      };
    },
    score: reconstruction,
    bounds: [moves('squared error', 5)],
    signals: ['output'],
    int8Macs: 95,
    unbroken: false,
    quoted: { 'squared error': 9.64 },
    quotedSlack: 0.0005,
  },
  {
    name: 'hand-keypoint-mlp',
    input: 'input',
    dims: [42],
    batch: 50,
    freeBatch: true,
    sets: () => {
      const rows = keypoints();
      return {
        calibration: pick(rows, (i) => i % 5 === 0),
        test: pick(rows, (i) => i % 5 !== 0),
        quoted: rows,
      };
    },
    score: classified(valuesOf('class_ids')),
    bounds: [loses('top-1 %', 0.7)],
    choice: valuesOf('class_ids'),
    signals: [],
    int8Macs: 95,
    unbroken: false,
    quoted: { 'top-1 %': 96.5 },
    quotedSlack: 0.005,
  },
  {
    name: 'sinet-portrait-320',
    input: 'data',
    dims: [3, 320, 320],
    batch: 1,
    freeBatch: false,
    sets: async () => {
      const photos = await people({
        width: 320,
        height: 320,
        mean: [102.890434, 111.25247, 126.91212],
        scale: [62.93292, 62.82138, 66.355705].map((deviation) => 255 * deviation),
        bgr: true,
      });
      const isNumbered = (i: number) => /^\d/.test(photos.names![i]!);
      return { calibration: pick(photos, isNumbered), test: pick(photos, (i) => !isNumbered(i)) };
    },
    score: portraits,
    bounds: [keeps('IoU with float', 0.97)],
    choice: portraitMask,
    signals: ['Softmax/1'],
    int8Macs: 80,
    unbroken: false,
    quoted: { 'person %': 59.2 },
    quotedSlack: 0.2,
  },
  {
    name: 'ppocr-angle-cls',
    input: 'x',
    dims: [3, 48, 192],
    batch: 29,
    freeBatch: true,
    sets: async () => {
      const crops = await wordCrops();
      return { calibration: pick(crops, (i) => (i >> 1) % 3 === 0), test: crops };
    },
    score: words('save_infer_model/scale_0.tmp_1'),
    bounds: [staysWithin('right of all', 2)],
    choice: argmaxOf('save_infer_model/scale_0.tmp_1'),
    signals: ['save_infer_model/scale_0.tmp_1'],
    int8Macs: 80,
    unbroken: false,
    quoted: { 'right of all': 46 },
    quotedSlack: 2.5, // two crops of 58: JPEG decoders differ
  },
  {
    name: 'stories260k',
    input: 'tokens',
    dims: [256],
    integers: true,
    batch: 4,
    freeBatch: true,
    sets: () => ({ calibration: stories('calib-8x256'), test: stories('test-16x256') }),
    score: nextToken,
    bounds: [staysWithin('loss nats', 0.05)],
    choice: nextTokens,
    signals: ['logits'],
    int8Macs: 80,
    unbroken: false,
    quoted: { 'loss nats': 1.2833, 'next token %': 63.95 },
    quotedSlack: 0.005,
  },
  {
    name: 'mnist-lstm',
    input: 'input',
    dims: [28, 28],
    batch: 50,
    freeBatch: true,
    sets: () => ({ calibration: mnist('calib', 255), test: mnist('test', 255) }),
    score: classified(argmaxOf('output')),
    bounds: [loses('top-1 %', 0.5)],
    choice: argmaxOf('output'),
    signals: ['output'],
    int8Macs: 95,
    floatElsewhere: ['LSTM'],
    unbroken: false,
    quoted: { 'top-1 %': 97.5 },
    quotedSlack: 0.005,
  },
  {
    name: 'silero-vad-16k-op15',
    input: 'input',
    dims: [576],
    batch: 1,
    freeBatch: false,
    stream: {
      fixed: { sr: { type: 'int64', data: BigInt64Array.of(16000n), dims: [] } },
      state: { state: { from: 'stateN', dims: [2, 1, 128] } },
    },
    sets: () => {
      const steps = speechSteps();
      const tenSeconds = (10 * 16000) / 512;
      return { calibration: pick(steps, (i) => i < tenSeconds), test: steps };
    },
    score: speech,
    bounds: [keeps('same as float %', 99)],
    choice: isSpeech,
    signals: ['output'],
    int8Macs: 80,
    staysFloat: ['If'],
    floatElsewhere: ['LSTM'],
    unbroken: false,
    quoted: { 'same as recorded %': 100, 'steps of speech': 734 },
    quotedSlack: 0.005,
  },
  {
    name: 'gtcrn-denoise',
    input: 'mix',
    dims: [257, 1, 2],
    batch: 1,
    freeBatch: false,
    stream: {
      fixed: {},
      state: {
        conv_cache: { from: 'conv_cache_out', dims: [2, 1, 16, 16, 33] },
        tra_cache: { from: 'tra_cache_out', dims: [2, 3, 1, 1, 16] },
        inter_cache: { from: 'inter_cache_out', dims: [2, 1, 33, 16] },
      },
    },
    sets: () => {
      const frames = noisyFrames();
      return { calibration: pick(frames, (i) => 3 * i < frames.count), test: frames };
    },
    score: denoised,
    bounds: [keeps('SI-SDR to float dB', 20)],
    signals: ['enh'],
    int8Macs: 80,
    floatElsewhere: ['GRU'],
    unbroken: false,
    quoted: { 'SI-SDR to upstream dB': 71 },
    quotedSlack: 0.5,
  },
];

export function modelsNamed(names: readonly string[]): readonly ModelRow[] {
  if (names.length === 0) return kModels;
  return names.map((name) => {
    const row = kModels.find((model) => model.name === name);
    if (!row)
      throw new Error(
        `no model "${name}"; there are ${kModels.map((model) => model.name).join(', ')}`,
      );
    return row;
  });
}
