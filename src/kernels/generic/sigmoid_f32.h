// Bodies of ExpFloat32, SigmoidFloat32, TanhFloat32 and ErfFloat32: four floats at a time, within 3
// units of the last place. Sigmoid and tanh start from e = exp(-z), z >= 0, which never overflows:
//   sigmoid(x) = 1 / (1 + e) for x >= 0, e / (1 + e) below, z = |x|
//   tanh(x) = sign(x) * (1 - e) / (1 + e), z = 2 |x|; an odd polynomial near zero
// Source of the polynomials: Cephes, expf and tanhf.
#pragma once

#include <cstddef>

#include "kernels/float.h"
#include "kernels/generic/vector_f32.h"

namespace eightfold {
namespace {

inline v128_t splat(float value) { return wasm_f32x4_splat(value); }

// Four floats, or the `count` that there are: so a function is written out once for both.
inline v128_t load_first(const float* x, size_t count) {
  if (count >= 4) return wasm_v128_load(x);
  alignas(16) float values[4] = {};
  for (size_t i = 0; i < count; ++i) values[i] = x[i];
  return wasm_v128_load(values);
}

inline void store_first(v128_t value, size_t count, float* y) {
  if (count >= 4) {
    wasm_v128_store(y, value);
    return;
  }
  alignas(16) float values[4];
  wasm_v128_store(values, value);
  for (size_t i = 0; i < count; ++i) y[i] = values[i];
}

// exp(x) for every x: 0 below -87, where it is less than the least normal number twice over;
// infinity where it exceeds the largest. NaN for NaN.
inline v128_t exp_of(v128_t x) {
  x = clamp_f32(x, splat(-87.0f), splat(89.0f));
  // The sum has no bits for a fraction, and n in the lowest ones.
  const v128_t whole = wasm_f32x4_add(wasm_f32x4_mul(x, splat(1.44269504f)), splat(0x1.8p23f));
  const v128_t n = wasm_f32x4_sub(whole, splat(0x1.8p23f));
  // ln 2 in two parts, so that n times the first is exact.
  v128_t r = wasm_f32x4_sub(x, wasm_f32x4_mul(n, splat(0.693359375f)));
  r = wasm_f32x4_sub(r, wasm_f32x4_mul(n, splat(-2.12194440e-4f)));
  v128_t p = multiply_add(splat(1.9875691500e-4f), r, splat(1.3981999507e-3f));
  p = multiply_add(p, r, splat(8.3334519073e-3f));
  p = multiply_add(p, r, splat(4.1665795894e-2f));
  p = multiply_add(p, r, splat(1.6666665459e-1f));
  p = multiply_add(p, r, splat(5.0000001201e-1f));
  p = wasm_f32x4_add(multiply_add(wasm_f32x4_mul(p, r), r, r), splat(1.0f));
  // 2^(n - 1), since 2^128 is no float; of the lowest n it is 0.
  const v128_t exponent = wasm_i32x4_add(whole, wasm_i32x4_splat(126));
  p = wasm_f32x4_mul(p, wasm_i32x4_shl(exponent, 23));
  return wasm_f32x4_add(p, p);
}

float largest_f32_run(const float* x, int64_t n) {
  const auto size = static_cast<size_t>(n);
  v128_t most = wasm_v128_load32_splat(x);
  size_t i = 0;
  for (; i + 4 <= size; i += 4) most = wasm_f32x4_pmax(most, wasm_v128_load(x + i));
  for (; i < size; ++i) most = wasm_f32x4_pmax(most, wasm_v128_load32_splat(x + i));
  most = wasm_f32x4_pmax(most, wasm_i64x2_shuffle(most, most, 1, 0));
  most = wasm_f32x4_pmax(most, wasm_i32x4_shuffle(most, most, 1, 0, 3, 2));
  return wasm_f32x4_extract_lane(most, 0);
}

// y[i] = exp(x[i] - shift); returns their sum, lane by lane.
float exp_f32_run(const float* x, int64_t n, float shift, float* y) {
  const auto size = static_cast<size_t>(n);
  const v128_t offset = splat(shift);
  v128_t sums = splat(0.0f);
  size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    const v128_t e = exp_of(wasm_f32x4_sub(wasm_v128_load(x + i), offset));
    sums = wasm_f32x4_add(sums, e);
    wasm_v128_store(y + i, e);
  }
  float rest = 0;
  if (i < size) {
    store_first(exp_of(wasm_f32x4_sub(load_first(x + i, size - i), offset)), size - i, y + i);
    for (; i < size; ++i) rest += y[i];
  }
  sums = wasm_f32x4_add(sums, wasm_i64x2_shuffle(sums, sums, 1, 0));
  return wasm_f32x4_extract_lane(sums, 0) + wasm_f32x4_extract_lane(sums, 1) + rest;
}

inline v128_t sigmoid_of(v128_t x) {
  const v128_t e = exp_of(wasm_f32x4_neg(wasm_f32x4_abs(x)));
  const v128_t one = splat(1.0f);
  const v128_t top = wasm_v128_bitselect(e, one, wasm_f32x4_lt(x, splat(0.0f)));
  return wasm_f32x4_div(top, wasm_f32x4_add(one, e));
}

inline v128_t tanh_of(v128_t x) {
  const v128_t magnitude = wasm_f32x4_abs(x);
  const v128_t e = exp_of(wasm_f32x4_mul(magnitude, splat(-2.0f)));
  const v128_t one = splat(1.0f);
  const v128_t far = wasm_f32x4_div(wasm_f32x4_sub(one, e), wasm_f32x4_add(one, e));
  const v128_t z = wasm_f32x4_mul(x, x);
  v128_t p = multiply_add(splat(-5.70498872745e-3f), z, splat(2.06390887954e-2f));
  p = multiply_add(p, z, splat(-5.37397155531e-2f));
  p = multiply_add(p, z, splat(1.33314422036e-1f));
  p = multiply_add(p, z, splat(-3.33332819422e-1f));
  const v128_t near = multiply_add(wasm_f32x4_mul(p, z), x, x);
  const v128_t sign = wasm_v128_and(x, splat(-0.0f));
  return wasm_v128_bitselect(near, wasm_v128_or(far, sign),
                             wasm_f32x4_lt(magnitude, splat(0.625f)));
}

// Polynomials fitted for the least largest error: erf(x) / x in x * x below 1 (4e-8), above it
// -log(1 - erf(x)), whose error shrinks with what is left (2e-8). At 3.92 erf is 1.
inline v128_t erf_of(v128_t x) {
  const v128_t magnitude = wasm_f32x4_abs(x);
  const v128_t z = wasm_f32x4_mul(x, x);
  v128_t near = multiply_add(splat(-5.63140376e-4f), z, splat(4.91754664e-3f));
  near = multiply_add(near, z, splat(-2.67113075e-2f));
  near = multiply_add(near, z, splat(1.12801798e-1f));
  near = multiply_add(near, z, splat(-3.76123250e-1f));
  near = wasm_f32x4_mul(multiply_add(near, z, splat(1.12837911f)), x);
  const v128_t far = wasm_f32x4_pmin(magnitude, splat(3.92f));
  v128_t p = multiply_add(splat(-1.15724769e-3f), far, splat(1.48320440e-2f));
  p = multiply_add(p, far, splat(-8.88002962e-2f));
  p = multiply_add(p, far, splat(-6.54239237e-1f));
  p = multiply_add(p, far, splat(-1.11762190f));
  p = multiply_add(p, far, splat(-2.61901575e-3f));
  p = wasm_f32x4_sub(splat(1.0f), exp_of(p));
  p = wasm_v128_or(p, wasm_v128_and(x, splat(-0.0f)));
  return wasm_v128_bitselect(near, p, wasm_f32x4_lt(magnitude, splat(1.0f)));
}

template <v128_t (*F)(v128_t)>
void map_f32(const float* x, int64_t n, float* y) {
  const auto size = static_cast<size_t>(n);
  for (size_t i = 0; i < size; i += 4) {
    const size_t count = size - i;
    store_first(F(load_first(x + i, count)), count, y + i);
  }
}

}  // namespace
}  // namespace eightfold
