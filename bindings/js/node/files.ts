// Models and arrays in files. External data lies next to the model and is read part by part.
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { EightfoldError } from '../errors.ts';
import { readNpz, writeNpz } from '../npz.ts';
import type { Tensor } from '../types.ts';

/** A file's error as ours: which file, and what is wrong with it. */
function fileError(path: string, cause: unknown): EightfoldError {
  const code = (cause as NodeJS.ErrnoException).code;
  const known: Record<string, string> = {
    ENOENT: 'there is no such file',
    EISDIR: 'this is a folder, not a file',
    EACCES: 'no permission',
    ENOTDIR: 'a part of the path is not a folder',
  };
  const what = known[code ?? ''] ?? (cause instanceof Error ? cause.message : String(cause));
  return new EightfoldError('invalid_input', `${path}: ${what}`, {
    hint: 'Check the path.',
    cause,
  });
}

export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** Whole or not at all: written beside `path`, then renamed. */
export function writeBytes(path: string, bytes: Uint8Array | string): void {
  const draft = `${path}.${process.pid}.part`;
  try {
    writeFileSync(draft, bytes);
    renameSync(draft, path);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw fileError(path, cause);
  }
}

function safePath(folder: string, location: string): string {
  const path = normalize(location);
  const first = path.split(sep)[0];
  if (!isAbsolute(path) && first !== '..') return join(folder, path);
  throw new EightfoldError(
    'invalid_model',
    `external data at '${location}' leaves the model's folder`,
    {
      hint: 'Save the model with its data file beside it.',
    },
  );
}

function readPart(path: string, offset: number, length: number): Uint8Array {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw fileError(path, cause);
  }
  try {
    const there = Math.max(0, fstatSync(file).size - offset);
    // What is missing is for the core to name.
    const bytes = new Uint8Array(length < 0 ? there : Math.min(length, there));
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(file, bytes, done, bytes.length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  } finally {
    closeSync(file);
  }
}

export interface ModelFile {
  bytes: Uint8Array;
  /** Options for `loadModel`, `quantize`, `createSession`, `inspect`: external data from the model's folder. */
  options: { externalData: (location: string, offset: number, length: number) => Uint8Array };
}

/** Reads a model file. */
export function readModelFile(path: string): ModelFile {
  const folder = dirname(path);
  return {
    bytes: readBytes(path),
    options: {
      externalData: (location, offset, length) =>
        readPart(safePath(folder, location), offset, length),
    },
  };
}

/** Reads the arrays of an .npz file. */
export function readNpzFile(path: string): Record<string, Tensor> {
  const bytes = readBytes(path);
  try {
    return readNpz(bytes);
  } catch (error) {
    if (!(error instanceof EightfoldError)) throw error;
    throw new EightfoldError(error.code, `${path}: ${error.message}`, error);
  }
}

/** Writes an .npz file. */
export function writeNpzFile(path: string, arrays: Readonly<Record<string, Tensor>>): void {
  writeBytes(path, writeNpz(arrays));
}
