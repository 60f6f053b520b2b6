// The two steps all float bodies share. Internal linkage: each instantiation keeps its own.
#pragma once

#include "kernels/simd.h"

namespace eightfold {
namespace {

// a * b + c, each rounded: the same bits in every build.
inline v128_t multiply_add(v128_t a, v128_t b, v128_t c) {
  return wasm_f32x4_add(c, wasm_f32x4_mul(a, b));
}

// pmax and pmin hand a NaN in `x` through.
inline v128_t clamp_f32(v128_t x, v128_t lo, v128_t hi) {
  return wasm_f32x4_pmin(wasm_f32x4_pmax(x, lo), hi);
}

}  // namespace
}  // namespace eightfold
