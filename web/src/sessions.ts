// The float and the int8 model, both open in the worker; they live until they are released.
import type { Core, Runner } from './core.ts';

export class Sessions {
  readonly float: Runner;
  readonly int8: Runner;
  released = false;

  constructor(float: Runner, int8: Runner) {
    this.float = float;
    this.int8 = int8;
  }

  release(): void {
    this.released = true;
    this.float.delete();
    this.int8.delete();
  }
}

interface FloatModel {
  bytes: Uint8Array;
  externalData: Record<string, File>;
}

export async function openSessions(
  core: Core,
  { bytes, externalData }: FloatModel,
  int8: Uint8Array,
): Promise<Sessions> {
  const float = await core.open(bytes, { externalData });
  try {
    return new Sessions(float, await core.open(int8));
  } catch (error) {
    float.delete();
    throw error;
  }
}
