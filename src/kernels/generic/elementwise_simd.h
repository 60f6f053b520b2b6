// Elementwise int8 kernels, 16 elements at a time; the rest by generic/elementwise_scalar.h.
#pragma once

#include "kernels/generic/elementwise_scalar.h"
#include "kernels/generic/simd_requantize.h"

namespace eightfold::generic {

// An operand of a binary kernel: q - zero of 16 elements. Signed bytes are read as unsigned ones:
// with their top bit flipped, and 128 more as the zero point.
class BinaryOperand {
 public:
  BinaryOperand(const void* x, int64_t stride, bool is_signed, int32_t zero_point)
      : data_(static_cast<const uint8_t*>(x)),
        stride_(stride),
        flip_(splat_byte(is_signed ? -128 : 0)),
        zero_(wasm_i16x8_splat(static_cast<int16_t>(zero_point + (is_signed ? 128 : 0)))) {
    if (stride != 0) return;
    std::memset(repeated_, *data_, sizeof repeated_);
    data_ = repeated_;
  }
  BinaryOperand(const BinaryOperand&) = delete;
  BinaryOperand& operator=(const BinaryOperand&) = delete;
  void load(int64_t i, v128_t (&out)[2]) const {
    const v128_t bytes = wasm_v128_xor(wasm_v128_load(data_ + i * stride_), flip_);
    out[0] = wasm_i16x8_sub(widen_low<false>(bytes), zero_);
    out[1] = wasm_i16x8_sub(widen_high<false>(bytes), zero_);
  }

 private:
  const uint8_t* data_;
  int64_t stride_;
  v128_t flip_, zero_;
  uint8_t repeated_[16];
};

// The lower or upper four of eight numbers as floats.
inline v128_t float_half(v128_t numbers, int half) {
  return wasm_f32x4_convert_i32x4(half == 0 ? wasm_i32x4_extend_low_i16x8(numbers)
                                            : wasm_i32x4_extend_high_i16x8(numbers));
}

// The equation of int8.h, its order of operations and its division.
template <BinaryOp op>
struct DivideSteps {
  v128_t a_scale, b_scale, y_scale, y_zero;
  RoundVectors round;
  explicit DivideSteps(const BinaryInt8& call, int32_t shift)
      : a_scale(wasm_f32x4_splat(call.a_scale)),
        b_scale(wasm_f32x4_splat(call.b_scale)),
        y_scale(wasm_f32x4_splat(call.y_scale)),
        y_zero(wasm_f32x4_splat(static_cast<float>(call.y_zero))),
        round(shift, call.lo + shift) {}
  v128_t operator()(v128_t a, v128_t b, int half) const {
    const v128_t va = wasm_f32x4_mul(a_scale, float_half(a, half));
    const v128_t vb = wasm_f32x4_mul(b_scale, float_half(b, half));
    const v128_t c = op == BinaryOp::kAdd ? wasm_f32x4_add(va, vb) : wasm_f32x4_mul(va, vb);
    return round_vector(wasm_f32x4_add(wasm_f32x4_div(c, y_scale), y_zero), round);
  }
};

// With a y_factor that find_factor has tried on all pairs of bytes, order does not matter:
//   Add: a * (a_scale * f) + b * (b_scale * f),   Mul: a * b * (a_scale * b_scale * f)
// the rounding adds y_zero, and values stay in the window of the magic number.
template <BinaryOp op>
struct FactorSteps {
  v128_t a_scale, b_scale, magic, offset;
  explicit FactorSteps(const BinaryInt8& call, int32_t shift)
      : a_scale(wasm_f32x4_splat((op == BinaryOp::kAdd ? 1.0f : call.b_scale) * call.a_scale *
                                 call.y_factor)),
        b_scale(wasm_f32x4_splat(call.b_scale * call.y_factor)),
        magic(wasm_f32x4_splat(kMagic + static_cast<float>(call.y_zero))),
        offset(wasm_i32x4_splat(kMagicBits - shift)) {}
  v128_t operator()(v128_t a, v128_t b, int half) const {
    v128_t value;
    if (op == BinaryOp::kAdd) {
      value = wasm_f32x4_add(wasm_f32x4_mul(a_scale, float_half(a, half)),
                             wasm_f32x4_mul(b_scale, float_half(b, half)));
    } else {
      const v128_t product =
          half == 0 ? wasm_i32x4_extmul_low_i16x8(a, b) : wasm_i32x4_extmul_high_i16x8(a, b);
      value = wasm_f32x4_mul(a_scale, wasm_f32x4_convert_i32x4(product));
    }
    return wasm_i32x4_sub(wasm_f32x4_add(value, magic), offset);
  }
};

template <class Steps>
void binary_simd_by(const BinaryInt8& call) {
  const int32_t shift = call.is_signed ? 128 : 0;
  const BinaryOperand a(call.a, call.a_stride, call.is_signed, call.a_zero);
  const BinaryOperand b(call.b, call.b_stride, call.is_signed, call.b_zero);
  const Steps steps(call, shift);
  const v128_t low = splat_byte(call.lo + shift), high = splat_byte(call.hi + shift);
  const v128_t flip = splat_byte(-shift);
  for (int64_t i = 0; i < call.n; i += 16) {
    const int64_t at = std::min(i, call.n - 16);  // the last 16, some once more
    v128_t qa[2], qb[2];
    a.load(at, qa);
    b.load(at, qb);
    const v128_t bytes = narrow_bytes<false>(steps(qa[0], qb[0], 0), steps(qa[0], qb[0], 1),
                                             steps(qa[1], qb[1], 0), steps(qa[1], qb[1], 1));
    const v128_t clamped = wasm_u8x16_min(wasm_u8x16_max(bytes, low), high);
    wasm_v128_store(static_cast<uint8_t*>(call.y) + at, wasm_v128_xor(clamped, flip));
  }
}

template <BinaryOp op>
void binary_simd(const BinaryInt8& call) {
  if (call.n < 16) return binary_scalar<op>(call);
  call.y_factor != 0 ? binary_simd_by<FactorSteps<op>>(call)
                     : binary_simd_by<DivideSteps<op>>(call);
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
