// See dynamic_range.h.
#include "ops/dynamic_range.h"

#include <algorithm>

namespace eightfold {

ScaleZeroPoint dynamic_range(const float* x, int64_t n) {
  float low = 0, high = 0;
  for (int64_t i = 0; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  const float scale = low == high ? 1.0f : (high - low) / 255.0f;
  const float zero = round_half_even(std::clamp(0.0f - low / scale, 0.0f, 255.0f));
  return {scale, zero > 0 ? static_cast<int32_t>(zero) : 0};  // an infinite range gives NaN
}

}  // namespace eightfold
