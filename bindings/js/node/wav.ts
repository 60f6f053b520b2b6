// WAV files of 16-bit PCM as samples in -1..1; channels are mixed into one. Browsers decode by themselves.
import { EightfoldError } from '../errors.ts';
import { readBytes } from './files.ts';

export interface Wav {
  /** Samples per second. */
  rate: number;
  signal: Float32Array;
}

const kFullScale = 32768;
const kPcm = 1;
const kHeader = 8;

/** Chunks by their kind; one that says more than the file holds ends with the file. */
function chunksOf(bytes: Buffer): Map<string, Buffer> {
  const text = (at: number) => bytes.toString('latin1', at, at + 4);
  const chunks = new Map<string, Buffer>();
  if (text(0) !== 'RIFF' || text(8) !== 'WAVE') return chunks;
  for (let at = 12; at + kHeader <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    chunks.set(text(at), bytes.subarray(at + kHeader, at + kHeader + size));
    at += kHeader + size + (size & 1);
  }
  return chunks;
}

export function readWavFile(path: string): Wav {
  const chunks = chunksOf(Buffer.from(readBytes(path)));
  const [form, data] = [chunks.get('fmt '), chunks.get('data')];
  if (!form || form.length < 16 || !data)
    throw new EightfoldError('invalid_input', `${path} is not a WAV file`);
  const channels = form.readUInt16LE(2);
  if (form.readUInt16LE(0) !== kPcm || form.readUInt16LE(14) !== 16 || channels === 0)
    throw new EightfoldError('invalid_input', `${path} is not 16-bit PCM`, {
      hint: 'Convert it, for example with: ffmpeg -i IN -ac 1 -ar 16000 -c:a pcm_s16le OUT.wav',
    });
  const length = Math.floor(data.length / (2 * channels));
  const signal = Float32Array.from({ length }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < channels; ++c) sum += data.readInt16LE(2 * (i * channels + c));
    return sum / (channels * kFullScale);
  });
  return { rate: form.readUInt32LE(4), signal };
}
