// External data: from wherever it lies, slice by slice, into the buffers that its tensors have in wasm memory.
// No more than one slice is held outside of it.
import type { ExternalData } from './api.ts';
import type { CoreLoading, ExternalPart } from './core.ts';
import { call, EightfoldError, textOf } from './errors.ts';
import type { Pace } from './pace.ts';

const kSliceBytes = 8 << 20;

type Slice = Uint8Array | null | undefined;

/** A file that parts are read of. */
interface ExternalFile {
  /** In bytes; where it is not known, a short slice tells. */
  size?: number;
  read(offset: number, length: number): Slice | Promise<Slice>;
}

/** Finds a file by its location; null when it is not at hand. */
type OpenFile = (location: string) => Promise<ExternalFile | null>;

/** External data of a client of this worker: what it sent, and whom to ask for the rest. */
export class ExternalThere {
  readonly files: Readonly<Record<string, Blob | URL>>;
  readonly ask: (location: string, offset: number, length: number) => Promise<Slice>;
  constructor(files: ExternalThere['files'], ask: ExternalThere['ask']) {
    this.files = files;
    this.ask = ask;
  }
}

export const isExternalUrl = (value: unknown): value is URL =>
  typeof URL !== 'undefined' && value instanceof URL;
export const isBlob = (value: unknown): value is Blob =>
  typeof Blob !== 'undefined' && value instanceof Blob;

const ofBytes = (given: Uint8Array | ArrayBuffer): ExternalFile => {
  const bytes = given instanceof Uint8Array ? given : new Uint8Array(given);
  const read = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  return { size: bytes.length, read };
};

const ofBlob = (blob: Blob): ExternalFile => ({
  size: blob.size,
  read: async (offset, length) =>
    new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
});

/** Fetched once; browsers keep large blobs on disk. */
async function ofUrl(url: URL, pace: Pace): Promise<ExternalFile> {
  const { signal } = pace;
  try {
    const response = await fetch(url, signal ? { signal } : {});
    if (response.ok) return ofBlob(await response.blob());
    throw new Error(`the server answered ${response.status}`);
  } catch (cause) {
    pace.check();
    throw new EightfoldError('invalid_input', `${url}: ${textOf(cause)}`, {
      hint: 'Check the address of the external data.',
      cause,
    });
  }
}

function openerOf(data: ExternalData | ExternalThere, pace: Pace): OpenFile {
  if (typeof data === 'function') {
    return async (location) => ({ read: (offset, length) => data(location, offset, length) });
  }
  const isThere = data instanceof ExternalThere;
  const files: Readonly<Record<string, unknown>> = isThere ? data.files : data;
  return async (location) => {
    const file = Object.hasOwn(files, location) ? files[location] : undefined;
    if (isBlob(file)) return ofBlob(file);
    if (isExternalUrl(file)) return ofUrl(file, pace);
    if (file instanceof Uint8Array || file instanceof ArrayBuffer) return ofBytes(file);
    if (!isThere) return null;
    return { read: (offset, length) => data.ask(location, offset, length) };
  };
}

function missing({ tensor, location }: ExternalPart): never {
  const text = `tensor '${tensor}': the external data file '${location}' is not at hand`;
  throw new EightfoldError('invalid_model', text, {
    hint: "Give its bytes in loadModel's externalData.",
  });
}

function tooShort({ tensor, location, offset, length }: ExternalPart, there: number): never {
  const what = `tensor '${tensor}' needs ${length} bytes at ${offset} of '${location}'`;
  throw new EightfoldError('invalid_model', `${what}, which ends after ${Math.max(0, there)}`, {
    hint: 'The file is cut short, or belongs to another model.',
  });
}

/** Opens the files once, and checks their sizes before memory is taken. */
async function openAll(parts: readonly ExternalPart[], open: OpenFile) {
  const files = new Map<string, ExternalFile>();
  for (const part of parts) {
    const { location, offset, length } = part;
    const file = files.get(location) ?? (await open(location)) ?? missing(part);
    files.set(location, file);
    const { size } = file;
    if (size !== undefined && offset + length > size) tooShort(part, size - offset);
  }
  return files;
}

/** Fills all parts of a model. What a callback throws is passed on as it is. */
export async function readParts(
  loading: CoreLoading,
  data: ExternalData | ExternalThere | undefined,
  pace: Pace,
): Promise<void> {
  const parts = call(() => loading.parts());
  const total = Math.max(1, parts.length);
  pace.tell({ phase: 'load', done: 0, total });
  pace.check();
  if (parts.length && !data) {
    const [{ tensor, location }] = parts as [ExternalPart];
    const text = `tensor '${tensor}': the data is in the external file '${location}'`;
    throw new EightfoldError('unsupported_model', text, {
      hint: 'Give the external data files along with the model: externalData.',
    });
  }
  if (data && parts.length) {
    const files = await openAll(parts, openerOf(data, pace));
    call(() => loading.reserve());
    for (const [index, part] of parts.entries()) {
      await fill(loading, index, part, files.get(part.location)!, pace);
      if (index + 1 < total) pace.tell({ phase: 'load', done: index + 1, total });
    }
  }
  pace.tell({ phase: 'load', done: total, total });
}

async function fill(
  loading: CoreLoading,
  index: number,
  part: ExternalPart,
  file: ExternalFile,
  pace: Pace,
): Promise<void> {
  for (let at = 0; at < part.length; ) {
    await pace.pause();
    const wanted = Math.min(kSliceBytes, part.length - at);
    const slice = await file.read(part.offset + at, wanted);
    if (!slice) missing(part);
    if (slice.length < wanted) tooShort(part, at + slice.length);
    call(() => loading.fill(index, at, slice.subarray(0, wanted)));
    at += wanted;
  }
}
