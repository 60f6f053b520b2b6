// Numpy's archives of arrays (.npz): zip files of <name>.npy entries, stored or deflated. numpy
// writes zip64 fields into every entry; fflate reads them.
import { unzipSync, zipSync } from 'fflate';
import { EightfoldError } from './errors.ts';
import { readNpy, writeNpy } from './npy.ts';
import type { Tensor } from './types.ts';

const kSuffix = '.npy';

function unzip(bytes: Uint8Array): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes, { filter: ({ name }) => name.endsWith(kSuffix) });
  } catch (cause) {
    throw new EightfoldError('invalid_input', 'this is not an .npz file, or it is damaged', {
      hint: 'Write it with numpy.savez or numpy.savez_compressed.',
      cause,
    });
  }
}

/** The arrays of an .npz file by name. */
export function readNpz(bytes: Uint8Array): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(unzip(bytes)).map(([file, content]) => {
      const name = file.slice(0, -kSuffix.length);
      return [name, readNpy(content, name)];
    }),
  );
}

/** An .npz file, as numpy.savez_compressed writes it. */
export function writeNpz(arrays: Readonly<Record<string, Tensor>>): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(arrays).map(([name, tensor]) => [
    `${name}${kSuffix}`,
    writeNpy(tensor),
  ]);
  // A fixed date: the same arrays give the same bytes.
  return zipSync(Object.fromEntries(entries), { level: 6, mtime: new Date(1980, 1, 1) });
}
