// Image files to tensors:  x = (v / scale - mean) / std  with v in 0..255, per channel.
// Decoded and resized by sharp (an optional dependency, loaded when the first image is).
import type sharpModule from 'sharp';
import { EightfoldError } from '../errors.ts';
import type { Tensor, ValueInfo } from '../types.ts';

export interface ImageForm {
  width: number;
  height: number;
  /** Cut the middle out after scaling to cover, instead of stretching. */
  crop: boolean;
  /** One number, or one per channel. */
  mean: readonly number[];
  std: readonly number[];
  scale: number;
  channels: 'rgb' | 'bgr' | 'gray';
  layout: 'nchw' | 'nhwc';
}

type Sharp = typeof sharpModule;

async function loadSharp(): Promise<Sharp> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new EightfoldError('invalid_state', 'reading images needs the package sharp', {
      hint: 'npm install sharp, or give the samples as an .npz file.',
      cause,
    });
  }
}

/** Interleaved bytes of one image in the form's size. */
async function pixelsOf(path: string, form: ImageForm): Promise<Uint8Array> {
  const sharp = await loadSharp();
  try {
    return await sharp(path)
      .rotate()
      .flatten({ background: 'white' })
      .resize(form.width, form.height, {
        fit: form.crop ? 'cover' : 'fill',
        kernel: 'linear',
        fastShrinkOnLoad: false,
      })
      .toColourspace(form.channels === 'gray' ? 'b-w' : 'srgb')
      .raw()
      .toBuffer();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new EightfoldError('invalid_input', `${path}: ${text}`, {
      hint: 'JPEG, PNG, WebP, GIF, AVIF and TIFF images are read.',
      cause,
    });
  }
}

const perChannel = (values: readonly number[], channel: number) => values[channel] ?? values[0]!;

function fill(data: Float32Array | Uint8Array, pixels: Uint8Array, form: ImageForm): void {
  const { width, height, channels, layout, scale } = form;
  const count = channels === 'gray' ? 1 : 3;
  const area = width * height;
  for (let c = 0; c < count; c++) {
    const source = channels === 'bgr' ? 2 - c : c;
    const [mean, std] = [perChannel(form.mean, c), perChannel(form.std, c)];
    for (let i = 0; i < area; i++) {
      const at = layout === 'nchw' ? c * area + i : i * count + c;
      data[at] = (pixels[i * count + source]! / scale - mean) / std;
    }
  }
}

/** One image as a sample of the input. */
export async function readImage(path: string, input: ValueInfo, form: ImageForm): Promise<Tensor> {
  const { width, height, channels, layout } = form;
  const count = channels === 'gray' ? 1 : 3;
  const pixels = await pixelsOf(path, form);
  const type = input.type === 'uint8' ? 'uint8' : 'float32';
  const size = width * height * count;
  const data = type === 'uint8' ? new Uint8Array(size) : new Float32Array(size);
  fill(data, pixels, form);
  const dims = layout === 'nchw' ? [count, height, width] : [height, width, count];
  return { type, data, dims: input.dims?.length === 3 ? dims : [1, ...dims] };
}

/** The input that images go to: the only one, and of rank 3 or 4. */
export function imageInput(inputs: readonly ValueInfo[]): ValueInfo {
  const [input] = inputs;
  const rank = input?.dims?.length ?? 4;
  if (input && inputs.length === 1 && (rank === 3 || rank === 4)) return input;
  throw new EightfoldError('invalid_input', 'the model does not take one image', {
    hint: 'Give its inputs as an .npz file.',
  });
}

/** What the shape of the input tells, with the options that were given. */
export function imageForm(input: ValueInfo, given: Partial<ImageForm>): ImageForm {
  const dims = (input.dims ?? [null, null, null, null]).slice(-3);
  const known = (dim: unknown) => (typeof dim === 'number' ? dim : undefined);
  const isDepth = (dim: unknown) => dim === 1 || dim === 3;
  const layout = given.layout ?? (isDepth(dims[2]) && !isDepth(dims[0]) ? 'nhwc' : 'nchw');
  const [depth, height, width] = layout === 'nchw' ? dims : [dims[2], dims[0], dims[1]];
  const form = {
    width: given.width ?? known(width),
    height: given.height ?? known(height),
    crop: given.crop ?? false,
    mean: given.mean ?? [0],
    std: given.std ?? [1],
    scale: given.scale ?? (input.type === 'uint8' ? 1 : 255),
    channels: given.channels ?? (depth === 1 ? 'gray' : 'rgb'),
    layout,
  };
  const { width: w, height: h } = form;
  if (w !== undefined && h !== undefined) return { ...form, width: w, height: h };
  throw new EightfoldError('invalid_input', `the input '${input.name}' has no fixed size`, {
    hint: 'Say --size WxH.',
  });
}
