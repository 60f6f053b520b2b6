// DATA of the command line: an .npz file, a folder of .npz files, or a folder of images.
import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { joinOutputs, splitSamples } from '../data.ts';
import { EightfoldError } from '../errors.ts';
import type { Feeds, Tensor, ValueInfo } from '../types.ts';
import { readNpzFile } from './files.ts';
import { type ImageForm, imageForm, imageInput, readImage } from './images.ts';

/** Samples that can be walked again and again, read as they are asked for. */
export interface Data extends AsyncIterable<Feeds> {
  readonly length: number;
  /** Puts the outputs of all samples together; `undefined` when their shapes differ. */
  join(outputs: readonly Tensor[]): Tensor | undefined;
}

const kImages = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff', '.bmp'];

function refuse(message: string, hint: string): never {
  throw new EightfoldError('invalid_input', message, { hint });
}

/** Files of a folder by ending, in the order of their names. */
function filesOf(folder: string, endings: readonly string[]): string[] {
  return readdirSync(folder)
    .filter((name) => endings.includes(extname(name).toLowerCase()))
    .sort()
    .map((name) => join(folder, name));
}

function lazily(files: readonly string[], read: (file: string) => Promise<Feeds> | Feeds): Data {
  return {
    length: files.length,
    join: (outputs) => joinOutputs(outputs, 'row'),
    async *[Symbol.asyncIterator]() {
      for (const file of files) yield await read(file);
    },
  };
}

function fromNpz(path: string, inputs: readonly ValueInfo[]): Data {
  const set = splitSamples(readNpzFile(path), inputs);
  return {
    length: set.length,
    join: (outputs) => joinOutputs(outputs, set.cut),
    async *[Symbol.asyncIterator]() {
      yield* set;
    },
  };
}

/** A file's arrays as one run: those named as inputs. */
function wholeNpz(path: string, inputs: readonly ValueInfo[]): Feeds {
  const arrays = readNpzFile(path);
  const wanted = inputs.filter(({ name }) => Object.hasOwn(arrays, name));
  return Object.fromEntries(wanted.map(({ name }) => [name, arrays[name]!]));
}

function fromImages(
  files: readonly string[],
  inputs: readonly ValueInfo[],
  given: Partial<ImageForm>,
): Data {
  const input = imageInput(inputs);
  const form = imageForm(input, given);
  const read = async (file: string) => ({ [input.name]: await readImage(file, input, form) });
  const isBatched = input.dims?.length !== 3;
  const data = lazily(files, read);
  return { ...data, join: (outputs) => joinOutputs(outputs, isBatched ? 'slice' : 'row') };
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return refuse(`${path}: there is no such file or folder`, 'Check the path.');
  }
}

/** Opens DATA for a model's inputs. */
export function openData(
  path: string,
  inputs: readonly ValueInfo[],
  form: Partial<ImageForm> = {},
): Data {
  if (!isFolder(path)) return fromNpz(path, inputs);
  const archives = filesOf(path, ['.npz']);
  if (archives.length > 0) return lazily(archives, (file) => wholeNpz(file, inputs));
  const images = filesOf(path, kImages);
  if (images.length > 0) return fromImages(images, inputs, form);
  return refuse(
    `${path}: the folder holds neither .npz files nor images`,
    `Images end in ${kImages.join(' ')}.`,
  );
}
