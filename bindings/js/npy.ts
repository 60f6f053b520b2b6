// One numpy array file (.npy), versions 1 to 3:
//   \x93NUMPY major minor  header length (u16, or u32 from version 2)  header  data
// The header is a Python dict {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
import { EightfoldError } from './errors.ts';
import { arrayTypes } from './tensors.ts';
import type { Tensor, TensorData, TensorType } from './types.ts';

const kMagic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

const kTypes: Record<string, Exclude<TensorType, 'string'>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  u8: 'uint64',
  i8: 'int64',
  b1: 'bool',
};

function refuse(name: string, what: string): never {
  throw new EightfoldError('invalid_input', `${name}: ${what}`, {
    hint: 'Write it with numpy.save or numpy.savez from an array of numbers.',
  });
}

interface Header {
  descr: string;
  fortranOrder: boolean;
  dims: number[];
}

function parseHeader(name: string, text: string): Header {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (descr === undefined || !order || shape === undefined) {
    refuse(name, 'its header is not that of a plain numpy array');
  }
  const dims = shape
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  return { descr, fortranOrder: order === 'True', dims };
}

function typeOf(name: string, descr: string): Exclude<TensorType, 'string'> {
  const kind = descr.slice(1);
  const type = Object.hasOwn(kTypes, kind) ? kTypes[kind] : undefined;
  const oneByte = kind.endsWith('1');
  if (!type || !(descr[0] === '<' || (descr[0] === '|' && oneByte))) {
    refuse(name, `the dtype '${descr}' is not handled`);
  }
  return type;
}

/** Column-major to row-major. */
function reorder(source: TensorData, dims: readonly number[]): TensorData {
  const from = source as Float32Array;
  const target = from.slice();
  const index = dims.map(() => 0);
  const strides = dims.map((_, axis) => dims.slice(0, axis).reduce((a, b) => a * b, 1));
  let offset = 0;
  for (let i = 0; i < target.length; i++) {
    target[i] = from[offset]!;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++index[axis]! < dims[axis]!) break;
      offset -= strides[axis]! * dims[axis]!;
      index[axis] = 0;
    }
  }
  return target;
}

/** Reads an .npy file; `name` is for messages. */
export function readNpy(bytes: Uint8Array, name = 'array'): Tensor {
  if (bytes.length < 10 || kMagic.some((byte, i) => bytes[i] !== byte)) {
    refuse(name, 'this is not a numpy array file');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3) refuse(name, `numpy file version ${major} is not handled`);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) refuse(name, 'the file is cut short');
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const end = start + length;
  if (end > bytes.length) refuse(name, 'the file is cut short');
  const header = parseHeader(name, new TextDecoder().decode(bytes.subarray(start, end)));
  const type = typeOf(name, header.descr);
  const array = arrayTypes[type];
  const count = header.dims.reduce((a, b) => a * b, 1);
  if (bytes.length - end < count * array.BYTES_PER_ELEMENT) refuse(name, 'the file is cut short');
  // A copy, as the data of a file need not be aligned.
  const copy = bytes.slice(end, end + count * array.BYTES_PER_ELEMENT);
  const data = new array(copy.buffer) as TensorData;
  const rowMajor = header.fortranOrder && header.dims.length > 1;
  return { type, dims: header.dims, data: rowMajor ? reorder(data, header.dims) : data };
}

function headerOf({ type, dims }: Tensor): Uint8Array {
  const kind = Object.keys(kTypes).find((key) => kTypes[key] === type);
  if (!kind) {
    throw new EightfoldError('invalid_type', `a tensor of type ${type} cannot be saved for numpy`);
  }
  const descr = `${kind.endsWith('1') ? '|' : '<'}${kind}`;
  const shape = `(${dims.join(', ')}${dims.length === 1 ? ',' : ''})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  // Magic, version, length, text and a line feed fill a multiple of 64 bytes.
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const bytes = new Uint8Array(10 + padded.length);
  bytes.set([...kMagic, 1, 0, padded.length & 0xff, padded.length >> 8]);
  bytes.set(new TextEncoder().encode(padded), 10);
  return bytes;
}

/** Writes an .npy file. */
export function writeNpy(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const header = headerOf(tensor);
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array;
  const file = new Uint8Array(header.length + byteLength);
  file.set(header);
  file.set(new Uint8Array(buffer, byteOffset, byteLength), header.length);
  return file;
}
