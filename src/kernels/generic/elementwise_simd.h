// Elementwise int8 kernels, 16 elements at a time; the rest by generic/elementwise_scalar.h.
#pragma once

#include "kernels/generic/elementwise_scalar.h"
#include "kernels/generic/simd_requantize.h"

namespace eightfold::generic {

// An operand of a binary kernel: 16 scaled values from element i on.
template <bool is_signed>
struct BinaryOperand {
  const uint8_t* data;
  int64_t stride;
  v128_t zero, scale;
  BinaryOperand(const void* x, int64_t step, int32_t zero_point, float s)
      : data(static_cast<const uint8_t*>(x)),
        stride(step),
        zero(wasm_i16x8_splat(static_cast<int16_t>(zero_point))),
        scale(wasm_f32x4_splat(s)) {}
  void load(int64_t i, v128_t (&out)[4]) const {
    const v128_t bytes = stride ? wasm_v128_load(data + i) : wasm_v128_load8_splat(data);
    widen_to_float<is_signed>(bytes, zero, out);
    for (v128_t& value : out) value = wasm_f32x4_mul(scale, value);
  }
};

template <BinaryOp op, bool is_signed>
void binary_simd_as(const BinaryInt8& call) {
  const BinaryOperand<is_signed> a(call.a, call.a_stride, call.a_zero, call.a_scale);
  const BinaryOperand<is_signed> b(call.b, call.b_stride, call.b_zero, call.b_scale);
  const v128_t y_scale = wasm_f32x4_splat(call.y_scale);
  const v128_t y_zero = wasm_f32x4_splat(static_cast<float>(call.y_zero));
  const v128_t high = splat_byte(call.hi);
  const RoundVectors round(0, call.lo);
  int64_t i = 0;
  for (; i + 16 <= call.n; i += 16) {
    v128_t va[4], vb[4];
    a.load(i, va);
    b.load(i, vb);
    for (int j = 0; j < 4; ++j) {
      const v128_t c =
          op == BinaryOp::kAdd ? wasm_f32x4_add(va[j], vb[j]) : wasm_f32x4_mul(va[j], vb[j]);
      va[j] = round_vector(wasm_f32x4_add(wasm_f32x4_div(c, y_scale), y_zero), round);
    }
    const v128_t bytes = narrow_bytes<is_signed>(va[0], va[1], va[2], va[3]);
    wasm_v128_store(static_cast<uint8_t*>(call.y) + i, min_bytes<is_signed>(bytes, high));
  }
  binary_scalar_from<op>(call, i);
}

template <BinaryOp op>
void binary_simd(const BinaryInt8& call) {
  call.is_signed ? binary_simd_as<op, true>(call) : binary_simd_as<op, false>(call);
}

template <bool x_signed, bool y_signed>
int64_t residual_simd_as(const ResidualRunInt8& call) {
  const Int8Output& out = call.out;
  const RoundVectors round(out.zero_point, out.lo);
  const v128_t zero = wasm_i16x8_splat(static_cast<int16_t>(call.x.zero_point));
  const v128_t scale = wasm_f32x4_splat(call.x_scale);
  const v128_t floor = wasm_f32x4_splat(static_cast<float>(out.lo - out.zero_point));
  const v128_t high = splat_byte(out.hi);
  int64_t i = 0;
  for (; i + 16 <= call.n; i += 16) {
    v128_t value[4];
    widen_to_float<x_signed>(wasm_v128_load(static_cast<const uint8_t*>(call.x.data) + i), zero,
                             value);
    for (int j = 0; j < 4; ++j) {
      const v128_t sum =
          wasm_f32x4_add(wasm_v128_load(call.sums + i + 4 * j), wasm_f32x4_mul(value[j], scale));
      // pmax(a, b) is a < b ? b : a, so NaN becomes the floor.
      value[j] = round_vector(wasm_f32x4_pmax(floor, sum), round);
    }
    const v128_t bytes = narrow_bytes<y_signed>(value[0], value[1], value[2], value[3]);
    wasm_v128_store(static_cast<uint8_t*>(out.data) + i, min_bytes<y_signed>(bytes, high));
  }
  return i;
}

inline void residual_simd(const ResidualRunInt8& call) {
  const bool y_signed = call.out.dtype == DType::kInt8;
  const int64_t done =
      call.x.is_signed
          ? (y_signed ? residual_simd_as<true, true>(call) : residual_simd_as<true, false>(call))
          : (y_signed ? residual_simd_as<false, true>(call) : residual_simd_as<false, false>(call));
  residual_scalar_from(call, done);
}

template <bool is_signed>
int64_t max_rows_simd_as(const uint8_t* const* rows, int64_t count, int64_t n, uint8_t* y) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v128_t best = splat_byte(is_signed ? -128 : 0);
    for (int64_t r = 0; r < count; ++r) {
      best = max_bytes<is_signed>(best, wasm_v128_load(rows[r] + i));
    }
    wasm_v128_store(y + i, best);
  }
  return i;
}

inline void max_rows_simd(const uint8_t* const* rows, int64_t count, int64_t n, bool is_signed,
                          uint8_t* y) {
  const int64_t done = is_signed ? max_rows_simd_as<true>(rows, count, n, y)
                                 : max_rows_simd_as<false>(rows, count, n, y);
  max_rows_scalar_from(rows, count, n, is_signed, y, done);
}

template <bool is_signed>
int64_t sum_rows_simd_as(const uint8_t* const* rows, int64_t count, int64_t n, int32_t* y) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v128_t sum[4];
    for (int j = 0; j < 4; ++j) sum[j] = wasm_v128_load(y + i + 4 * j);
    for (int64_t r = 0; r < count; ++r) {
      const v128_t bytes = wasm_v128_load(rows[r] + i);
      const v128_t low = widen_low<is_signed>(bytes);
      const v128_t high = widen_high<is_signed>(bytes);
      sum[0] = wasm_i32x4_add(sum[0], wasm_i32x4_extend_low_i16x8(low));
      sum[1] = wasm_i32x4_add(sum[1], wasm_i32x4_extend_high_i16x8(low));
      sum[2] = wasm_i32x4_add(sum[2], wasm_i32x4_extend_low_i16x8(high));
      sum[3] = wasm_i32x4_add(sum[3], wasm_i32x4_extend_high_i16x8(high));
    }
    for (int j = 0; j < 4; ++j) wasm_v128_store(y + i + 4 * j, sum[j]);
  }
  return i;
}

inline void sum_rows_simd(const uint8_t* const* rows, int64_t count, int64_t n, bool is_signed,
                          int32_t* y) {
  const int64_t done = is_signed ? sum_rows_simd_as<true>(rows, count, n, y)
                                 : sum_rows_simd_as<false>(rows, count, n, y);
  sum_rows_scalar_from(rows, count, n, is_signed, y, done);
}

template <bool is_signed>
int64_t quantize_simd_as(const float* x, int64_t n, float scale, const Int8Output& out) {
  auto* y = static_cast<uint8_t*>(out.data);
  const RoundVectors round(out.zero_point, out.lo);
  const v128_t divisor = wasm_f32x4_splat(scale);
  const v128_t floor = wasm_f32x4_splat(static_cast<float>(out.lo - out.zero_point));
  const v128_t high = splat_byte(out.hi);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v128_t q[4];
    for (int j = 0; j < 4; ++j) {
      const v128_t steps = wasm_f32x4_div(wasm_v128_load(x + i + 4 * j), divisor);
      // pmax(a, b) is a < b ? b : a, so NaN becomes the floor.
      q[j] = round_vector(wasm_f32x4_pmax(floor, steps), round);
    }
    const v128_t bytes = narrow_bytes<is_signed>(q[0], q[1], q[2], q[3]);
    wasm_v128_store(y + i, min_bytes<is_signed>(bytes, high));
  }
  return i;
}

inline void quantize_simd(const float* x, int64_t n, float scale, const Int8Output& out) {
  const int64_t done = out.dtype == DType::kInt8 ? quantize_simd_as<true>(x, n, scale, out)
                                                 : quantize_simd_as<false>(x, n, scale, out);
  quantize_scalar_from(x, n, scale, out, done);
}

template <bool is_signed>
int64_t dequantize_simd_as(const Int8Input& x, int64_t n, float scale, float* y) {
  const auto* data = static_cast<const uint8_t*>(x.data);
  const v128_t zero = wasm_i16x8_splat(static_cast<int16_t>(x.zero_point));
  const v128_t factor = wasm_f32x4_splat(scale);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v128_t value[4];
    widen_to_float<is_signed>(wasm_v128_load(data + i), zero, value);
    for (int j = 0; j < 4; ++j) wasm_v128_store(y + i + 4 * j, wasm_f32x4_mul(value[j], factor));
  }
  return i;
}

inline void dequantize_simd(const Int8Input& x, int64_t n, float scale, float* y) {
  const int64_t done = x.is_signed ? dequantize_simd_as<true>(x, n, scale, y)
                                   : dequantize_simd_as<false>(x, n, scale, y);
  dequantize_scalar_from(x, n, scale, y, done);
}

}  // namespace eightfold::generic
