// The short way from an .npz file to samples; openData (data.ts) takes folders and images as well.
import { fileURLToPath } from 'node:url';
import type { Tensor } from '../types.ts';
import { readNpzFile } from './files.ts';

export { samplesOf } from '../index.ts';

/** The arrays of an .npz file by name. */
export async function readNpz(path: string | URL): Promise<Record<string, Tensor>> {
  return readNpzFile(path instanceof URL ? fileURLToPath(path) : path);
}
