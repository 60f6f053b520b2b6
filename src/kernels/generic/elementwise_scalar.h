// Elementwise int8 kernels, scalar; the vector forms end their runs with these.
//
//   Add: y = clamp(round_half_even((a' + b') / y_scale + y_zero), lo, hi),  a' = a_scale * (a -
//   a_zero) Mul: the same with a' * b'
#pragma once

#include <algorithm>

#include "kernels/generic/requantize.h"

namespace eightfold::generic {

enum class BinaryOp { kAdd, kMul };

template <BinaryOp op>
void binary_scalar(const BinaryInt8& call) {
  auto* y = static_cast<uint8_t*>(call.y);
  for (int64_t i = 0; i < call.n; ++i) {
    const int32_t qa = int8_at(call.a, call.is_signed, i * call.a_stride);
    const int32_t qb = int8_at(call.b, call.is_signed, i * call.b_stride);
    const float a = call.a_scale * static_cast<float>(qa - call.a_zero);
    const float b = call.b_scale * static_cast<float>(qb - call.b_zero);
    const float c = op == BinaryOp::kAdd ? a + b : a * b;
    // The zero point is added before rounding, as ONNX Runtime does.
    const float value = c / call.y_scale + static_cast<float>(call.y_zero);
    y[i] = static_cast<uint8_t>(round_to_range(value, 0, call.lo, call.hi));
  }
}

inline void residual_scalar_from(const ResidualRunInt8& call, int64_t first) {
  const Int8Output& out = call.out;
  auto* y = static_cast<uint8_t*>(out.data);
  for (int64_t i = first; i < call.n; ++i) {
    const int32_t steps = int8_at(call.x.data, call.x.is_signed, i) - call.x.zero_point;
    const float residual = static_cast<float>(steps) * call.x_scale;
    y[i] = static_cast<uint8_t>(
        round_to_range(call.sums[i] + residual, out.zero_point, out.lo, out.hi));
  }
}

inline void residual_scalar(const ResidualRunInt8& call) { residual_scalar_from(call, 0); }

inline void max_rows_scalar_from(const uint8_t* const* rows, int64_t count, int64_t n,
                                 bool is_signed, uint8_t* y, int64_t first) {
  for (int64_t i = first; i < n; ++i) {
    int32_t best = is_signed ? -128 : 0;
    for (int64_t r = 0; r < count; ++r) best = std::max(best, int8_at(rows[r], is_signed, i));
    y[i] = static_cast<uint8_t>(best);
  }
}

inline void max_rows_scalar(const uint8_t* const* rows, int64_t count, int64_t n, bool is_signed,
                            uint8_t* y) {
  max_rows_scalar_from(rows, count, n, is_signed, y, 0);
}

inline void sum_rows_scalar_from(const uint8_t* const* rows, int64_t count, int64_t n,
                                 bool is_signed, int32_t* y, int64_t first) {
  for (int64_t i = first; i < n; ++i) {
    for (int64_t r = 0; r < count; ++r) y[i] = add_product(y[i], int8_at(rows[r], is_signed, i), 1);
  }
}

inline void sum_rows_scalar(const uint8_t* const* rows, int64_t count, int64_t n, bool is_signed,
                            int32_t* y) {
  sum_rows_scalar_from(rows, count, n, is_signed, y, 0);
}

inline void quantize_scalar_from(const float* x, int64_t n, float scale, const Int8Output& out,
                                 int64_t first) {
  auto* y = static_cast<uint8_t*>(out.data);
  for (int64_t i = first; i < n; ++i) {
    y[i] = static_cast<uint8_t>(round_to_range(x[i] / scale, out.zero_point, out.lo, out.hi));
  }
}

inline void quantize_scalar(const float* x, int64_t n, float scale, const Int8Output& out) {
  quantize_scalar_from(x, n, scale, out, 0);
}

inline void dequantize_scalar_from(const Int8Input& x, int64_t n, float scale, float* y,
                                   int64_t first) {
  for (int64_t i = first; i < n; ++i) {
    y[i] = dequantize(int8_at(x.data, x.is_signed, i), scale, x.zero_point);
  }
}

inline void dequantize_scalar(const Int8Input& x, int64_t n, float scale, float* y) {
  dequantize_scalar_from(x, n, scale, y, 0);
}

}  // namespace eightfold::generic
