// The harness's own arithmetic on cases worked out by hand; needs neither data nor a build.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overlapAdd, spectra } from './audio.ts';
import { loses, moves } from './bounds.ts';
import { planes, resizeTriangle, upsideDown } from './images.ts';
import { dequantizedBetween, floatBetween, int8Share, macsExecuted, unnamedFloat } from './mac.ts';
import {
  agreement,
  intersectionOverUnion,
  matchBoxes,
  overlap,
  psnr,
  Sqnr,
  siSdr,
  suppress,
} from './metrics.ts';
import type { ExecutedNode } from './profile.ts';
import { readTensorProto } from './tensor_proto.ts';

test('a resize halves a ramp by triangle weights and keeps a constant', () => {
  // Weights 1 3 3 1 inside; at the borders the outer tap is cut off and the rest renormalised.
  const ramp = { width: 4, height: 1, channels: 1, pixels: Uint8Array.of(0, 80, 160, 240) };
  assert.deepEqual([...resizeTriangle(ramp, 2, 1).pixels], [57, 183]);
  const flat = { width: 7, height: 5, channels: 3, pixels: new Uint8Array(105).fill(201) };
  assert.deepEqual(new Set(resizeTriangle(flat, 3, 4).pixels), new Set([201]));
});

test('an enlargement interpolates', () => {
  const step = { width: 1, height: 2, channels: 1, pixels: Uint8Array.of(0, 200) };
  assert.deepEqual([...resizeTriangle(step, 1, 4).pixels], [0, 50, 150, 200]);
});

test('planes may be blue first and padded; a turned image ends with its first pixel', () => {
  const two = { width: 2, height: 1, channels: 3, pixels: Uint8Array.of(1, 2, 3, 4, 5, 6) };
  const form = { mean: [1, 0, 0], scale: [2, 1, 1], bgr: true };
  assert.deepEqual([...planes(two, form, 3)], [1, 2.5, 0, 2, 5, 0, 1, 4, 0]);
  assert.deepEqual([...upsideDown(two).pixels], [4, 5, 6, 1, 2, 3]);
});

test('a signal comes back from its spectra; a constant is all in the lowest bins', () => {
  const signal = Float32Array.from({ length: 1024 }, (_, i) => Math.sin(i / 7) + ((i * 37) % 11));
  const back = overlapAdd(spectra(signal), signal.length);
  // The last half frame has one window alone.
  for (let i = 0; i < 1024 - 256; ++i) assert.ok(Math.abs(back[i]! - signal[i]!) < 1e-4);
  const [, flat] = spectra(new Float32Array(1024).fill(1));
  // The sum of the square-root Hann window of 512 samples is cot(pi / 1024).
  assert.ok(Math.abs(flat![0]! - 1 / Math.tan(Math.PI / 1024)) < 1e-3);
});

test('overlap of masks, and distortion that does not see the scale', () => {
  assert.equal(overlap([1, 1, 0, 0], [1, 0, 1, 0]), 1 / 3);
  assert.equal(siSdr([1, -2, 3], [2, -4, 6]), Number.POSITIVE_INFINITY);
  // got = 3 want + something at right angles of a tenth of its length.
  assert.ok(Math.abs(siSdr([1, 0], [3, 0.3]) - 20) < 1e-9);
});

test('a tensor is read from raw bytes, packed floats and varints', () => {
  const raw = Uint8Array.of(8, 2, 16, 1, 66, 1, 120, 74, 8, 0, 0, 128, 63, 0, 0, 0, 192);
  const { name, dims, data } = readTensorProto(raw);
  assert.deepEqual([name, dims, [...data]], ['x', [2], [1, -2]]);
  const packed = Uint8Array.of(10, 1, 1, 16, 1, 34, 4, 0, 0, 0, 63);
  assert.deepEqual([...readTensorProto(packed).data], [0.5]);
  const minusOne = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
  const ids = Uint8Array.of(8, 2, 16, 7, 58, 11, 3, ...minusOne);
  assert.deepEqual([...readTensorProto(ids).data], [3n, -1n]);
  assert.throws(() => readTensorProto(raw.subarray(0, 12)), /truncated/);
});

test('agreement, PSNR and SQNR', () => {
  assert.equal(agreement([1, 2, 3, 4], [1, 2, 0, 4]), 75);
  // 3x3 with a border of one: the centre alone counts, and 1.5 is clamped to 1.
  const picture = Float32Array.of(9, 9, 9, 9, 1.5, 9, 9, 9, 9);
  assert.ok(Math.abs(psnr(picture, new Float32Array(9).fill(0.9), 3, 1) - 20) < 1e-4);
  const sqnr = new Sqnr();
  sqnr.add([10, 0], [9, 0]);
  assert.equal(sqnr.decibels, 20);
});

test('boxes overlap, suppress one another and pair one to one', () => {
  const [a, b, far] = [
    [0, 0, 2, 1, 0.9],
    [1, 0, 3, 1, 0.8],
    [5, 5, 6, 6, 0.7],
  ] as const;
  assert.ok(Math.abs(intersectionOverUnion(a, b) - 1 / 3) < 1e-12);
  assert.deepEqual(suppress([b, far, a], 0.3), [a, far]);
  assert.equal(matchBoxes([a, a], [a, far], 0.5), 1);
});

test('bounds hold when met exactly and fail beyond', () => {
  assert.ok(loses('p', 0.2)({ p: 98.4 }, { p: 98.2 }).ok);
  assert.ok(!loses('p', 0.2)({ p: 98.4 }, { p: 98.15 }).ok);
  assert.ok(!loses('p', 0.2)({ p: 98.4 }, { p: Number.NaN }).ok);
  assert.ok(!moves('e', 5)({ e: 10 }, { e: 9.4 }).ok);
});

test('multiply-accumulates and breaks are counted from executed nodes', () => {
  const node = (name: string, opType: string, shapes: number[][], out: number[]): ExecutedNode => ({
    name,
    opType,
    inputs: shapes.map((dims) => ({ type: 'any', dims })),
    outputs: [{ type: 'any', dims: out }],
  });
  const nodes = [
    node('q', 'QLinearConv', [[1, 4, 8, 8], [], [], [6, 2, 3, 3]], [1, 6, 8, 8]),
    node('dq', 'DequantizeLinear', [[1, 6, 8, 8]], [1, 6, 8, 8]),
    node(
      'odd',
      'MatMul',
      [
        [1, 384],
        [384, 9],
      ],
      [1, 9],
    ),
    node('g', 'QGemm', [[1, 9]], [1, 5]),
    node('end', 'DequantizeLinear', [[1, 5]], [1, 5]),
  ];
  const layers = macsExecuted(nodes);
  assert.deepEqual(
    layers.map(({ macs }) => macs),
    [6912, 3456, 45],
  );
  assert.ok(Math.abs(int8Share(layers) - (100 * 6957) / 10413) < 1e-9);
  assert.deepEqual(dequantizedBetween(nodes), ['dq']);
  assert.deepEqual(floatBetween(layers), [layers[1]]);
  assert.equal(unnamedFloat(layers, []).length, 1);
  assert.equal(unnamedFloat(layers, [{ ...layers[1]!, node: 'odd' }]).length, 0);
});
