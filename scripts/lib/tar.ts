// The files of a tar archive by path: plain files of the ustar format.

const kBlock = 512;

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes).split('\0')[0]!;

export function untar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + kBlock <= archive.length; ) {
    const header = archive.subarray(at, at + kBlock);
    const name = textOf(header.subarray(0, 100));
    if (!name) break;
    const size = Number.parseInt(textOf(header.subarray(124, 136)), 8) || 0;
    const prefix = textOf(header.subarray(345, 500));
    const isFile = header[156] === 0 || header[156] === 0x30;
    at += kBlock;
    const path = (prefix ? `${prefix}/${name}` : name).replace(/^\.\//, '');
    if (isFile) files.set(path, archive.subarray(at, at + size));
    at += Math.ceil(size / kBlock) * kBlock;
  }
  return files;
}
