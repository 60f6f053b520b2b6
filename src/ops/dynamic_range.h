// The uint8 parameters that DynamicQuantizeLinear takes from its data. Source: ONNX
// DynamicQuantizeLinear.
//
//   scale = (max - min) / 255 with zero in the range, 1 when that is empty
//   zero_point = clamp(round_half_even(-min / scale), 0, 255)
#pragma once

#include <cstdint>

#include "core/qparams.h"

namespace eightfold {

// Of x[0..n). An infinite range gives zero point 0.
ScaleZeroPoint dynamic_range(const float* x, int64_t n);

}  // namespace eightfold
