// Where the shared data lies and how each set becomes samples. The folder is named by the
// environment variable EIGHTFOLD_DATA, by default ../shared/data beside the repository; it is
// never part of the repository, so every test that needs it asks haveData() first.
// Pixels are kept as bytes in memory and become floats only when a sample is asked for.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import {
  decodeImage,
  type Image,
  type PixelForm,
  planes,
  resizeTriangle,
  upsideDown,
} from './images.ts';
import type { Samples } from './samples.ts';

export const kRepository = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const kDataFolder = resolve(kRepository, process.env.EIGHTFOLD_DATA ?? '../shared/data');

export function haveData(): boolean {
  return existsSync(join(kDataFolder, 'mnist-cnn-8', 'model.onnx'));
}

export const kNoData = 'shared data not found (set EIGHTFOLD_DATA to its folder)';

export const inData = (...parts: string[]) => join(kDataFolder, ...parts);

const loaded = new Map<string, unknown>();

/** Each file is read and decoded once per process. */
function once<T>(key: string, load: () => T): T {
  if (!loaded.has(key)) loaded.set(key, load());
  return loaded.get(key) as T;
}

export function readModel(name: string): Uint8Array {
  return new Uint8Array(readFileSync(inData(name, 'model.onnx')));
}

/** IDX pair: images [n, 28, 28] as 0..255, divided by `scale`. */
export function mnist(part: 'calib' | 'test', scale = 1): Samples {
  const images = once(`mnist-${part}`, () =>
    gunzipSync(readFileSync(inData('mnist', `${part}-images-idx3-ubyte.gz`))),
  );
  const labels = gunzipSync(readFileSync(inData('mnist', `${part}-labels-idx1-ubyte.gz`)));
  const size = 28 * 28;
  const count = images.readUInt32BE(4);
  return {
    count,
    at: (i) =>
      Float32Array.from(images.subarray(16 + i * size, 16 + (i + 1) * size), (v) => v / scale),
    labels: labels.subarray(8, 8 + count),
  };
}

/** Records of one label byte and three planes of 1024 bytes, 0..255 without scaling. */
export function cifar10(part: 'calib-200' | 'test-600'): Samples {
  const records = once(`cifar-${part}`, () =>
    gunzipSync(readFileSync(inData('cifar10', `${part}.bin.gz`))),
  );
  const size = 3 * 32 * 32;
  const count = records.length / (size + 1);
  return {
    count,
    at: (i) => Float32Array.from(records.subarray(i * (size + 1) + 1, (i + 1) * (size + 1))),
    labels: Array.from({ length: count }, (_, i) => records[i * (size + 1)]!),
  };
}

export interface PhotoForm extends PixelForm {
  readonly width: number;
  readonly height: number;
}

async function photoSet(
  folder: string,
  names: readonly string[],
  form: PhotoForm,
): Promise<Samples> {
  const images: Image[] = [];
  for (const name of names) {
    const file = inData(folder, name);
    const whole = () => decodeImage(file, 'rgb');
    // Only the small ImageNet photos are worth keeping whole: two models share them.
    const image = folder.startsWith('imagenet') ? await once(file, whole) : await whole();
    images.push(resizeTriangle(image, form.width, form.height));
  }
  return { count: names.length, at: (i) => planes(images[i]!, form), names };
}

/** The 400 ImageNet photos in name order, with class indices. */
export async function imagenet(form: PhotoForm): Promise<Samples> {
  const rows = readFileSync(inData('imagenet-224', 'labels.tsv'), 'utf8').trim().split('\n');
  const table = rows
    .map((row) => row.split('\t') as [string, string])
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const samples = await photoSet(
    'imagenet-224/images',
    table.map(([name]) => name),
    form,
  );
  return { ...samples, labels: table.map(([, label]) => Number(label)) };
}

/** All photographs of people, in number order, obama.jpg last. */
export function people(form: PhotoForm): Promise<Samples> {
  const number = (name: string) => Number.parseInt(name, 10) || Number.POSITIVE_INFINITY;
  const names = readdirSync(inData('photos-people')).filter((name) => name.endsWith('.jpg'));
  return photoSet(
    'photos-people',
    names.sort((a, b) => number(a) - number(b)),
    form,
  );
}

/** Crops of words, each upright (class 0) and turned (class 1), two by two; padded at the right. */
export async function wordCrops(): Promise<Samples> {
  const [width, height] = [192, 48];
  const images: Image[] = [];
  for (const name of readdirSync(inData('ppocr-angle-cls', 'words')).sort()) {
    const crop = await decodeImage(inData('ppocr-angle-cls', 'words', name), 'rgb');
    const fit = Math.min(width, Math.ceil((height * crop.width) / crop.height));
    for (const way of [crop, upsideDown(crop)]) images.push(resizeTriangle(way, fit, height));
  }
  const form = { mean: 127.5, scale: 127.5, bgr: true };
  return {
    count: images.length,
    at: (i) => planes(images[i]!, form, width),
    labels: images.map((_, i) => i % 2),
  };
}

/** The eight grey pairs: the samples are the small pictures, wanted are the large ones, 0..1. */
export async function superresPairs(): Promise<Samples> {
  const read = async (i: number, side: string) =>
    planes(await decodeImage(inData('superres-3x', 'pairs', `0${i + 1}_${side}.png`), 'gray'), {
      mean: 0,
      scale: 255,
    });
  const indices = Array.from({ length: 8 }, (_, i) => i);
  const low = await Promise.all(indices.map((i) => read(i, 'lr')));
  const high = await Promise.all(indices.map((i) => read(i, 'hr')));
  return { count: 8, at: (i) => low[i]!, wanted: (i) => high[i]! };
}

/** 116 windows of five consecutive frames of 128 log-mel bands; an autoencoder wants its input. */
export function melWindows(): Samples {
  const bytes = readFileSync(inData('autoencoder-ad', 'logmel-120x128-f32.bin'));
  const frames = new Float32Array(new Uint8Array(bytes).buffer);
  const at = (i: number) => frames.slice(i * 128, (i + 5) * 128);
  return { count: frames.length / 128 - 4, at, wanted: at };
}

/** Rows of a label and 42 coordinates. */
export function keypoints(): Samples {
  const text = gunzipSync(readFileSync(inData('hand-keypoint-mlp', 'keypoints.csv.gz'))).toString(
    'utf8',
  );
  const rows = text
    .trim()
    .split('\n')
    .map((line) => Float32Array.from(line.split(','), Number));
  return {
    count: rows.length,
    at: (i) => rows[i]!.subarray(1),
    labels: rows.map((row) => row[0]!),
  };
}
