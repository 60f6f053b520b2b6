// Body of AverageRowsInt8, scalar: the definition.
#pragma once

#include "kernels/generic/requantize.h"

namespace eightfold::generic {

inline void average_scalar(const AverageRunInt8& call) {
  const Int8Output& out = call.out;
  auto* y = static_cast<uint8_t*>(out.data);
  const uint8_t* const* rows = call.rows;
  for (int64_t p = 0; p < call.pixels; ++p, rows += call.count) {
    for (int64_t i = 0; i < call.n; ++i) {
      float sum = 0.0f;
      for (int64_t r = 0; r < call.count; ++r) {
        const int32_t steps = int8_at(rows[r], call.is_signed, i) - call.x_zero;
        sum += static_cast<float>(steps) * call.x_scale;
      }
      const float value = sum / call.divisor / call.y_scale;
      *y++ = static_cast<uint8_t>(round_to_range(value, out.zero_point, out.lo, out.hi));
    }
  }
}

}  // namespace eightfold::generic
