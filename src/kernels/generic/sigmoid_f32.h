// Bodies of SigmoidFloat32 and TanhFloat32: four floats at a time, within 3 units of the last
// place. Both start from e = exp(-z), z >= 0, which never overflows:
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

// exp(x) for x <= 0; at least 1e-38, NaN for NaN.
inline v128_t exp_of_negative(v128_t x) {
  x = wasm_f32x4_pmax(x, splat(-87.0f));
  const v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(x, splat(1.44269504f)));
  // ln 2 in two parts, so that n times the first is exact.
  v128_t r = wasm_f32x4_sub(x, wasm_f32x4_mul(n, splat(0.693359375f)));
  r = wasm_f32x4_sub(r, wasm_f32x4_mul(n, splat(-2.12194440e-4f)));
  v128_t p = multiply_add(splat(1.9875691500e-4f), r, splat(1.3981999507e-3f));
  p = multiply_add(p, r, splat(8.3334519073e-3f));
  p = multiply_add(p, r, splat(4.1665795894e-2f));
  p = multiply_add(p, r, splat(1.6666665459e-1f));
  p = multiply_add(p, r, splat(5.0000001201e-1f));
  p = wasm_f32x4_add(multiply_add(wasm_f32x4_mul(p, r), r, r), splat(1.0f));
  const v128_t exponent = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127));
  return wasm_f32x4_mul(p, wasm_i32x4_shl(exponent, 23));
}

inline v128_t sigmoid_of(v128_t x) {
  const v128_t e = exp_of_negative(wasm_f32x4_neg(wasm_f32x4_abs(x)));
  const v128_t one = splat(1.0f);
  const v128_t top = wasm_v128_bitselect(e, one, wasm_f32x4_lt(x, splat(0.0f)));
  return wasm_f32x4_div(top, wasm_f32x4_add(one, e));
}

inline v128_t tanh_of(v128_t x) {
  const v128_t magnitude = wasm_f32x4_abs(x);
  const v128_t e = exp_of_negative(wasm_f32x4_mul(magnitude, splat(-2.0f)));
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

template <v128_t (*F)(v128_t)>
void map_f32(const float* x, int64_t n, float* y) {
  const auto size = static_cast<size_t>(n);
  size_t i = 0;
  for (; i + 4 <= size; i += 4) wasm_v128_store(y + i, F(wasm_v128_load(x + i)));
  for (; i < size; ++i) {
    y[i] = wasm_f32x4_extract_lane(F(wasm_v128_load32_splat(x + i)), 0);
  }
}

}  // namespace
}  // namespace eightfold
