// The one rounding of the int8 kernels, scalar: the definition all other forms are tested against.
//
//   requantize(acc) = clamp(round_half_even(v) + zero_point, lo, hi),  v = float(acc) * scale
// and v * slope in place of v where v is negative and the output has slopes.
#pragma once

#include <cstdint>

#include "core/qparams.h"
#include "kernels/int8.h"

namespace eightfold::generic {

// `value` counts quantization steps from the zero point; NaN gives lo.
inline int32_t round_to_range(float value, int32_t zero_point, int32_t lo, int32_t hi) {
  const float rounded = round_half_even(value);
  if (!(rounded > static_cast<float>(lo - zero_point))) return lo;
  if (rounded >= static_cast<float>(hi - zero_point)) return hi;
  return static_cast<int32_t>(rounded) + zero_point;
}

inline int32_t requantize(int32_t acc, float scale, const Int8Output& out, float slope = 1.0f) {
  const float value = static_cast<float>(acc) * scale;
  return round_to_range(value < 0.0f ? value * slope : value, out.zero_point, out.lo, out.hi);
}

// Writes element i of an output of any of the four dtypes.
inline void store_sum(int32_t acc, float scale, const Int8Output& out, int64_t i, int64_t channel) {
  switch (out.dtype) {
    case DType::kInt32: static_cast<int32_t*>(out.data)[i] = acc; return;
    case DType::kFloat32:
      static_cast<float*>(out.data)[i] = static_cast<float>(acc) * scale;
      return;
    default:
      // The low byte is the answer for uint8 and int8 alike.
      static_cast<uint8_t*>(out.data)[i] = static_cast<uint8_t>(
          requantize(acc, scale, out, out.slopes ? out.slopes[channel] : 1.0f));
  }
}

inline int32_t int8_at(const void* data, bool is_signed, int64_t i) {
  return is_signed ? static_cast<const int8_t*>(data)[i] : static_cast<const uint8_t*>(data)[i];
}

// Sums wrap; signed overflow is left to unsigned arithmetic.
inline int32_t add_product(int32_t sum, int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(a * b));
}

}  // namespace eightfold::generic
