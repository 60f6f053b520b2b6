// Files for the page, made in memory: float32 .npz archives and gray BMP images.
import { zipSync } from 'fflate';

function npy(dims: readonly number[], data: Float32Array): Uint8Array {
  const shape = `${dims.join(', ')}${dims.length === 1 ? ',' : ''}`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const out = new Uint8Array(length + data.byteLength).fill(0x20);
  out.set([0x93, ...Buffer.from('NUMPY'), 1, 0, (length - 10) & 255, (length - 10) >> 8]);
  out.set(Buffer.from(text), 10);
  out[length - 1] = 0x0a;
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), length);
  return out;
}

/** An .npz of float32 arrays. */
export function npz(
  arrays: Record<string, { dims: readonly number[]; data: Float32Array }>,
): Buffer {
  const entries = Object.entries(arrays).map(([name, { dims, data }]) => [
    `${name}.npy`,
    npy(dims, data),
  ]);
  return Buffer.from(zipSync(Object.fromEntries(entries), { level: 0 }));
}

const kHeader = 54;

/** A 24-bit BMP; `gray(x, y)` gives 0..255, y from the top. */
export function bmp(width: number, height: number, gray: (x: number, y: number) => number): Buffer {
  const stride = Math.ceil((width * 3) / 4) * 4;
  const out = Buffer.alloc(kHeader + stride * height);
  out.write('BM');
  out.writeUInt32LE(out.length, 2);
  out.writeUInt32LE(kHeader, 10);
  out.writeUInt32LE(40, 14);
  out.writeInt32LE(width, 18);
  out.writeInt32LE(height, 22);
  out.writeUInt16LE(1, 26);
  out.writeUInt16LE(24, 28);
  for (let y = 0; y < height; ++y) {
    const row = kHeader + (height - 1 - y) * stride;
    for (let x = 0; x < width; ++x) out.fill(gray(x, y), row + x * 3, row + x * 3 + 3);
  }
  return out;
}
