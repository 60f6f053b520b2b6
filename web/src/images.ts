// Image files as samples: decoded by the browser onto a canvas, cut, resized, scaled to the model's input.
// Files are decoded one at a time when they are asked for, in each pass anew, so memory does not grow with their number.
import type { Feeds, Tensor, ValueInfo } from '../../bindings/js/types.ts';
import { type ImageForm, imageDims } from './image_form.ts';
import { PageError } from './problem.ts';
import { resizePixels } from './resize.ts';

/** The part of the image that is used: all of it, or the middle with the wanted shape. */
function usedPart(
  width: number,
  height: number,
  form: ImageForm,
): [number, number, number, number] {
  if (!form.crop) return [0, 0, width, height];
  const scale = Math.min(width / form.width, height / form.height);
  const [w, h] = [Math.round(form.width * scale), Math.round(form.height * scale)];
  return [Math.floor((width - w) / 2), Math.floor((height - h) / 2), w, h];
}

/** The pixels of a file, width x height RGBA on white. */
export async function readPixels(
  file: Blob & { name?: string },
  form: ImageForm,
): Promise<ImageData> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new PageError(
      'invalid_image',
      `${file.name ?? 'the file'} is not an image this browser can read`,
      'PNG, JPEG and WebP always work.',
    );
  }
  const [x, y, width, height] = usedPart(bitmap.width, bitmap.height, form);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, x, y, width, height, 0, 0, width, height);
  bitmap.close();
  return resizePixels(context.getImageData(0, 0, width, height), form.width, form.height);
}

/** Luma of Rec. 601, as image libraries make gray of colour. */
const kLuma = [0.299, 0.587, 0.114] as const;

/** One channel of one pixel, 0..255. */
type Sampler = (pixels: Uint8ClampedArray, at: number, channel: number) => number;

const kSamplers: Record<ImageForm['channels'], Sampler> = {
  rgb: (pixels, at, channel) => pixels[at + channel]!,
  bgr: (pixels, at, channel) => pixels[at + 2 - channel]!,
  gray: (pixels, at) =>
    Math.round(kLuma.reduce((sum, weight, c) => sum + weight * pixels[at + c]!, 0)),
};

/** RGBA pixels as the model's input tensor. */
export function imageTensor({ data }: ImageData, form: ImageForm, input: ValueInfo): Tensor {
  const dims = imageDims(form, input.dims?.length ?? 4);
  const channels = form.channels === 'gray' ? 1 : 3;
  const area = form.width * form.height;
  const out =
    input.type === 'uint8' ? new Uint8Array(area * channels) : new Float32Array(area * channels);
  const sample = kSamplers[form.channels];
  for (let c = 0; c < channels; ++c) {
    const mean = form.mean[c] ?? form.mean[0]!;
    const std = form.std[c] ?? form.std[0]!;
    for (let i = 0; i < area; ++i) {
      const at = form.layout === 'nchw' ? c * area + i : i * channels + c;
      out[at] = (sample(data, i * 4, c) / form.scale - mean) / std;
    }
  }
  return { type: input.type === 'uint8' ? 'uint8' : 'float32', data: out, dims };
}

export async function imageFeeds(file: File, form: ImageForm, input: ValueInfo): Promise<Feeds> {
  return { [input.name]: imageTensor(await readPixels(file, form), form, input) };
}
