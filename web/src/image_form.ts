// How an image becomes a model's input: x = (v / scale - mean) / std with v in 0..255, resized to width x height.
// The form is guessed from the input's shape; what a shape cannot tell (scale, mean, std) the user may change.
import type { ValueInfo } from '../../bindings/js/types.ts';

export interface ImageForm {
  width: number;
  height: number;
  /** Cut the middle to the wanted shape before resizing; otherwise the image is stretched. */
  crop: boolean;
  channels: 'rgb' | 'bgr' | 'gray';
  layout: 'nchw' | 'nhwc';
  scale: number;
  /** One number, or one for each channel. */
  mean: number[];
  std: number[];
}

const kUsualSide = 224;

/** The guess for an input that could be an image, of rank 4 or (without batch) 3; undefined for any other. */
export function guessImageForm(input: ValueInfo): ImageForm | undefined {
  const { dims, type } = input;
  if (!dims || dims.length < 3 || dims.length > 4) return undefined;
  const [first, second, third] = dims.slice(-3);
  const isCount = (dim: unknown) => dim === 1 || dim === 3;
  const layout = isCount(first) || !isCount(third) ? 'nchw' : 'nhwc';
  const [count, height, width] =
    layout === 'nchw' ? [first, second, third] : [third, first, second];
  if (typeof count === 'number' && !isCount(count)) return undefined;
  return {
    width: typeof width === 'number' ? width : kUsualSide,
    height: typeof height === 'number' ? height : kUsualSide,
    crop: false,
    channels: count === 1 ? 'gray' : 'rgb',
    layout,
    scale: type === 'uint8' ? 1 : 255,
    mean: [0],
    std: [1],
  };
}

/** The shape of one sample, with a leading 1 when the model's input has a batch. */
export function imageDims(form: ImageForm, rank: number): number[] {
  const channels = form.channels === 'gray' ? 1 : 3;
  const dims =
    form.layout === 'nchw'
      ? [channels, form.height, form.width]
      : [form.height, form.width, channels];
  return rank === 4 ? [1, ...dims] : dims;
}
