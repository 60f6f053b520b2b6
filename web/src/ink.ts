// A drawing as the digits model wants it, the way its training images were made: cut to the ink, scaled so that its
// height fills the 8 rows, centred sideways, each cell the share of ink in it (0..1).
import type { Tensor } from '../../bindings/js/types.ts';

export const kSide = 8;

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The smallest box that holds all ink; undefined on an empty board. `ink` is row-major, 0..1, `side` x `side`. */
function inkBox(ink: Float32Array, side: number): Box | undefined {
  let [left, top, right, bottom] = [side, side, -1, -1];
  ink.forEach((value, i) => {
    if (value < 0.5) return;
    const [x, y] = [i % side, Math.floor(i / side)];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  });
  if (right < 0) return undefined;
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Mean ink of a square of the board; outside of it there is none. */
function meanInk(ink: Float32Array, side: number, x: number, y: number, size: number): number {
  const [fromX, toX, fromY, toY] = [x, x + size, y, y + size].map(Math.round) as [
    number,
    number,
    number,
    number,
  ];
  let sum = 0;
  for (let row = Math.max(0, fromY); row < Math.min(side, toY); ++row)
    for (let column = Math.max(0, fromX); column < Math.min(side, toX); ++column)
      sum += ink[row * side + column]!;
  return sum / Math.max(1, (toX - fromX) * (toY - fromY));
}

/** [1, 1, 8, 8], or undefined when nothing is drawn. */
export function digitOf(ink: Float32Array, side: number): Tensor | undefined {
  const box = inkBox(ink, side);
  if (!box) return undefined;
  const cell = Math.max(box.width, box.height) / kSide;
  const left = box.left + box.width / 2 - (kSide / 2) * cell;
  const top = box.top + box.height / 2 - (kSide / 2) * cell;
  const data = Float32Array.from({ length: kSide * kSide }, (_, i) =>
    meanInk(ink, side, left + (i % kSide) * cell, top + Math.floor(i / kSide) * cell, cell),
  );
  return { type: 'float32', data, dims: [1, 1, kSide, kSide] };
}
