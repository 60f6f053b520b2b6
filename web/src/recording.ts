// Recordings: decoded by the browser, brought to the model's rate, channels mixed into one.
import { PageError } from './problem.ts';

export interface Recording {
  name: string;
  /** For the player. */
  file: File;
  rate: number;
  signal: Float32Array;
}

function mix(buffer: AudioBuffer): Float32Array {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, c) =>
    buffer.getChannelData(c),
  );
  if (channels.length === 1) return channels[0]!;
  return Float32Array.from(
    { length: buffer.length },
    (_, i) => channels.reduce((sum, channel) => sum + channel[i]!, 0) / channels.length,
  );
}

/** A context that never plays: what it decodes comes at its rate. */
function decoder(rate: number): OfflineAudioContext {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    throw new PageError(
      'invalid_config',
      `${rate} samples a second are not possible in this browser`,
      'Rates from 8000 to 96000 are.',
    );
  }
}

export async function readRecording(file: File, rate: number): Promise<Recording> {
  const context = decoder(rate);
  const content = await file.arrayBuffer();
  try {
    const signal = mix(await context.decodeAudioData(content));
    return { name: file.name, file, rate, signal };
  } catch {
    throw new PageError(
      'invalid_input',
      `${file.name} is no recording that this browser can decode`,
      'WAV files always work.',
    );
  }
}
