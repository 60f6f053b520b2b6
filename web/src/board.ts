// The drawing board: strokes by mouse, pen or finger, white ink on black, read back as 0..1.
import { h } from './dom.ts';

const kSide = 256;
const kPen = 30;

export interface Board {
  readonly canvas: HTMLCanvasElement;
  readonly side: number;
  ink(): Float32Array;
  clear(): void;
}

/** `onChange` is called after every bit of stroke. */
export function createBoard(onChange: () => void): Board {
  const canvas = h('canvas', {
    class: 'board',
    width: kSide,
    height: kSide,
    role: 'img',
    'aria-label': 'Drawing board: draw a digit here',
  });
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  let last: [number, number] | undefined;

  const clear = () => {
    context.fillStyle = '#000';
    context.fillRect(0, 0, kSide, kSide);
  };
  const place = (event: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * kSide,
      ((event.clientY - box.top) / box.height) * kSide,
    ];
  };
  const strokeTo = (event: PointerEvent) => {
    const to = place(event);
    context.strokeStyle = '#fff';
    context.lineWidth = kPen;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.beginPath();
    context.moveTo(...(last ?? to));
    context.lineTo(...to);
    context.stroke();
    last = to;
    onChange();
  };

  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = undefined;
    strokeTo(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.buttons & 1 && last) strokeTo(event);
  });
  for (const end of ['pointerup', 'pointercancel'] as const)
    canvas.addEventListener(end, () => {
      last = undefined;
    });
  clear();

  const ink = () => {
    const { data } = context.getImageData(0, 0, kSide, kSide);
    return Float32Array.from({ length: kSide * kSide }, (_, i) => data[i * 4]! / 255);
  };
  return { canvas, side: kSide, ink, clear };
}
