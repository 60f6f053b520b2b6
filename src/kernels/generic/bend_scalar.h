// Body of BendInt8, scalar: the definition.
#pragma once

#include <cmath>

#include "kernels/generic/requantize.h"

namespace eightfold::generic {

inline void bend_scalar(const BendRunInt8& call) {
  const Int8Output& out = call.out;
  auto* y = static_cast<uint8_t*>(out.data);
  const int64_t step = call.period + kBendPadding;
  for (int64_t i = 0; i < call.n; ++i) {
    const float* line = call.lines + (call.phase + i) % call.period;
    const auto v =
        static_cast<float>(int8_at(call.x.data, call.x.is_signed, i) - call.x.zero_point);
    const float value = line[0] * v + line[step] * std::fabs(v) + line[2 * step];
    y[i] = static_cast<uint8_t>(round_to_range(value, out.zero_point, out.lo, out.hi));
  }
}

}  // namespace eightfold::generic
