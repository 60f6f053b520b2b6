// Options that several commands share, and how their texts are read.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ImageForm } from '../node/images.ts';

/** Wrong usage that the argument parser cannot see: exit code 2. */
export class UsageError extends Error {}

export function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0 is expected.');
}

function size(text: string): { width: number; height: number } {
  const [, width, height] = /^(\d+)x(\d+)$/i.exec(text) ?? [];
  if (Number(width) > 0 && Number(height) > 0) {
    return { width: Number(width), height: Number(height) };
  }
  throw new InvalidArgumentError('WxH is expected, for example 224x224.');
}

function numbers(text: string): number[] {
  const list = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if ((list.length === 1 || list.length === 3) && list.every(Number.isFinite)) return list;
  throw new InvalidArgumentError('one number, or three with commas, is expected.');
}

function divisors(text: string): number[] {
  const list = numbers(text);
  if (list.every((value) => value !== 0)) return list;
  throw new InvalidArgumentError('0 cannot divide.');
}

function divisor(text: string): number {
  const list = divisors(text);
  if (list.length === 1) return list[0]!;
  throw new InvalidArgumentError('one number is expected.');
}

export interface ImageFlags extends Partial<Omit<ImageForm, 'width' | 'height'>> {
  size?: { width: number; height: number };
}

/** How images become inputs: x = (v / scale - mean) / std, v in 0..255. */
export function imageOptions(command: Command): Command {
  return command
    .addOption(new Option('--size <WxH>', "images: size (default: the input's)").argParser(size))
    .option('--crop', 'images: cut the middle out instead of stretching')
    .addOption(
      new Option('--mean <m[,m,m]>', 'images: subtracted after --scale').argParser(numbers),
    )
    .addOption(new Option('--std <s[,s,s]>', 'images: divides after --mean').argParser(divisors))
    .addOption(
      new Option('--scale <d>', 'images: divides the pixels 0..255 (default: 255)').argParser(
        divisor,
      ),
    )
    .addOption(new Option('--channels <order>', 'images: colours').choices(['rgb', 'bgr', 'gray']))
    .addOption(
      new Option('--layout <order>', 'images: order of the axes').choices(['nchw', 'nhwc']),
    );
}

export function imageFormOf({ size, ...flags }: ImageFlags): Partial<ImageForm> {
  const { crop, mean, std, scale, channels, layout } = flags;
  const given = { ...size, crop, mean, std, scale, channels, layout };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** A name out of a list that the core knows. */
export function checkName(kind: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  throw new UsageError(`error: unknown ${kind} '${name}' (known: ${known.join(', ')})`);
}
