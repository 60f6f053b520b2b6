// External data on its way to a worker: files and addresses cross, bytes and callbacks stay here and are asked
// slice by slice, so that no large array is ever copied whole.
import type { ExternalData } from '../api.ts';
import { isBlob, isExternalUrl } from '../external.ts';
import type { AskExternal, ExternalHere } from './protocol.ts';

function partOf(data: ExternalData, location: string, offset: number, length: number) {
  if (typeof data === 'function') return data(location, offset, length);
  const file = Object.hasOwn(data, location) ? data[location] : undefined;
  if (file instanceof Uint8Array) return file.subarray(offset, offset + length);
  return file instanceof ArrayBuffer
    ? new Uint8Array(file).subarray(offset, offset + length)
    : null;
}

/** What crosses, and who answers for the rest. */
export function externalThere(data: ExternalData): { there: ExternalHere; external: AskExternal } {
  const crossing: Record<string, Blob | string> = {};
  for (const [name, file] of typeof data === 'function' ? [] : Object.entries(data)) {
    if (isExternalUrl(file)) crossing[name] = file.href;
    else if (isBlob(file)) crossing[name] = file;
  }
  const there = { eightfoldExternal: crossing };
  const external: AskExternal = async (location, offset, length) => {
    const part = await partOf(data, location, offset, length);
    // A view would take its whole buffer along.
    return part ? part.slice() : null;
  };
  return { there, external };
}
