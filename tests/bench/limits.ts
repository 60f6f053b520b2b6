// What the engine gives the inner loop of a dense kernel at best: a wasm module, assembled here, of loops that hold a
// tile of sums in registers and read operands that stay in the first cache, without edges, packing or rounding.
//
//   f32     sums += w * x                                                         4 per product
//   i16     sums += dot_i16x8(w, x)                                               8
//   pairs   sums += dot_i16x8(relaxed_dot_i8x16(w, x), 1)                        16
//   quads   sums += dot_i16x8(relaxed_dot(w, x) + relaxed_dot(w', x'), 1)        32
//   fused   sums  = relaxed_dot_i8x16_add(w, x, sums)                            16
// How fast such a loop is hangs on how the engine lays it out: the fastest of six tiles counts.

import type { OpenEngine } from './engines.ts';

export type LimitForm = 'f32' | 'i16' | 'pairs' | 'quads' | 'fused';

interface Form {
  /** Vectors of w and words of x that one product reads. */
  depth: number;
  macs: number;
}

const kForms: Record<LimitForm, Form> = {
  f32: { depth: 1, macs: 4 },
  i16: { depth: 1, macs: 8 },
  pairs: { depth: 1, macs: 16 },
  quads: { depth: 2, macs: 32 },
  fused: { depth: 1, macs: 16 },
};

/** Rows of x by vectors of w, the loop written out so many times. */
interface Tile {
  rows: number;
  vectors: number;
  unrolled: number;
}

const kTiles: readonly Tile[] = [1, 2, 4].flatMap((unrolled) => [
  { rows: 2, vectors: 4, unrolled },
  { rows: 4, vectors: 2, unrolled },
]);

// ---- instructions
const kVector = 0x7b;
const kInt = 0x7f;

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}
const signedLeb = (value: number) => (value < 64 ? [value] : [(value & 127) | 128, value >> 7]);

const get = (local: number) => [0x20, ...leb(local)];
const set = (local: number) => [0x21, ...leb(local)];
const int = (value: number) => [0x41, ...signedLeb(value)];
const simd = (code: number) => [0xfd, ...leb(code)];
const load = (code: number, align: number, offset: number) => [
  ...simd(code),
  align,
  ...leb(offset),
];
const loadVector = (offset: number) => load(0x00, 4, offset);
const loadSplat32 = (offset: number) => load(0x09, 2, offset);
const kAddInt = [0x6a];
const kAndInt = [0x71];
const kAddI16 = simd(0x8e);
const kAddI32 = simd(0xae);
const kDotI16 = simd(0xba);
const kAddF32 = simd(0xe4);
const kMulF32 = simd(0xe6);
const kSplatI16 = simd(0x10);
const kRelaxedDot = simd(0x112);
const kRelaxedDotAdd = simd(0x113);

// ---- the function: (times: i32) -> i32, so that nothing of it can be left out
const kRounds = 0;
const kAt = 1;
const kOnes = 2;
const kFirstSum = 3;
// Operands: rows of x from 0 on, then w; all start over after 4 KiB.
const kWeights = 20480 + 128;
const kSpan = 4096;
// Lines of all operands would fall on each other at multiples of 4 KiB.
const kRowStep = kSpan + 320;

function product(form: LimitForm, x: number[][], w: number[][], sum: number): number[] {
  const acc = get(sum);
  switch (form) {
    case 'f32':
      return [...acc, ...w[0]!, ...x[0]!, ...kMulF32, ...kAddF32];
    case 'i16':
      return [...acc, ...w[0]!, ...x[0]!, ...kDotI16, ...kAddI32];
    case 'pairs':
      return [...acc, ...w[0]!, ...x[0]!, ...kRelaxedDot, ...get(kOnes), ...kDotI16, ...kAddI32];
    case 'quads': {
      const both = [0, 1].flatMap((i) => [...w[i]!, ...x[i]!, ...kRelaxedDot]);
      return [...acc, ...both, ...kAddI16, ...get(kOnes), ...kDotI16, ...kAddI32];
    }
    case 'fused':
      return [...w[0]!, ...x[0]!, ...acc, ...kRelaxedDotAdd];
  }
}

function body(form: LimitForm, { rows, vectors, unrolled }: Tile): number[] {
  const { depth } = kForms[form];
  const sums = rows * vectors;
  const firstW = kFirstSum + sums;
  const firstX = firstW + vectors * depth;
  const locals = [...leb(2), 1, kInt, ...leb(1 + sums + vectors * depth + depth), kVector];
  const step: number[] = [];
  for (let u = 0; u < unrolled; ++u) {
    for (let j = 0; j < vectors * depth; ++j) {
      const offset = kWeights + 16 * (u * vectors * depth + j);
      step.push(...get(kAt), ...loadVector(offset), ...set(firstW + j));
    }
    for (let i = 0; i < rows; ++i) {
      for (let d = 0; d < depth; ++d) {
        const offset = kRowStep * i + 4 * (u * depth + d);
        step.push(...get(kAt), ...loadSplat32(offset), ...set(firstX + d));
      }
      for (let j = 0; j < vectors; ++j) {
        const sum = kFirstSum + i * vectors + j;
        const x = Array.from({ length: depth }, (_, d) => get(firstX + d));
        const w = Array.from({ length: depth }, (_, d) => get(firstW + d * vectors + j));
        step.push(...product(form, x, w, sum), ...set(sum));
      }
    }
  }
  const next = [...get(kAt), ...int(64), ...kAddInt, ...int(kSpan - 64), ...kAndInt, ...set(kAt)];
  const count = [...get(kRounds), ...int(1), 0x6b, 0x22, kRounds, 0x0d, 0];
  const others = Array.from({ length: sums - 1 }, (_, i) => get(kFirstSum + 1 + i));
  const folded = [...get(kFirstSum), ...others.flatMap((sum) => [...sum, ...kAddI32])];
  return [
    ...locals,
    ...[...int(1), ...kSplatI16, ...set(kOnes)],
    ...[0x03, 0x40, ...step, ...next, ...count, 0x0b],
    ...[...folded, ...simd(0x1b), 0],
    0x0b,
  ];
}

function limitModule(form: LimitForm, tile: Tile): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: number[]) => [id, ...leb(content.length), ...content];
  const code = body(form, tile);
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, kInt, 1, kInt]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [1, 3, ...[...'run'].map((c) => c.charCodeAt(0)), 0, 0]),
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
}

const kTimes = 100_000;
const kTryMs = 120;

export interface Limit extends OpenEngine {
  /** Of one run. */
  readonly macs: number;
}

async function openTile(form: LimitForm, tile: Tile): Promise<Limit> {
  const { instance } = await WebAssembly.instantiate(limitModule(form, tile));
  const loop = instance.exports.run as (times: number) => number;
  const { rows, vectors, unrolled } = tile;
  return {
    name: form,
    run: async () => loop(kTimes),
    close: async () => {},
    macs: kTimes * unrolled * rows * vectors * kForms[form].macs,
  };
}

/** The best rate within a while, in multiply-accumulates per millisecond. */
async function rateOf(limit: Limit): Promise<number> {
  const end = performance.now() + kTryMs;
  let best = 0;
  while (performance.now() < end) {
    const start = performance.now();
    await limit.run();
    best = Math.max(best, limit.macs / (performance.now() - start));
    await new Promise((resolve) => setTimeout(resolve)); // compilers may hand in better code
  }
  return best;
}

const kFound = new Map<LimitForm, Promise<Limit>>();

async function fastest(form: LimitForm): Promise<Limit> {
  let [found, best] = [await openTile(form, kTiles[0]!), 0];
  for (const tile of kTiles) {
    const limit = await openTile(form, tile);
    const rate = await rateOf(limit);
    if (rate > best) [found, best] = [limit, rate];
  }
  return found;
}

/** The fastest of the tiles. Rejects where the engine has no relaxed SIMD and the form needs it. */
export function openLimit(form: LimitForm): Promise<Limit> {
  const known = kFound.get(form);
  if (known) return known;
  const limit = fastest(form);
  kFound.set(form, limit);
  return limit;
}
