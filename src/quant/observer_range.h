// What every observer shares: the range of a view in one pass, and a range as QParams.
//
// NaN throws kInvalidData at once. Infinities are reported, for they mean different things
// to different observers.
#pragma once

#include <span>

#include "core/qparams.h"
#include "core/tensor.h"
#include "quant/qconfig.h"

namespace eightfold {

struct ValueRange {
  float min, max;  // of the finite elements; +inf, -inf when there is none
  bool has_infinity = false;
  bool empty() const { return min > max; }
  // The smallest range that holds both.
  void extend(const ValueRange& other);
};
inline constexpr float kInfinity = __builtin_huge_valf();
inline constexpr ValueRange kEmptyRange{kInfinity, -kInfinity};

// The elements of a float32 view, in whatever layout. Throws kInvalidType for other dtypes.
std::span<const float> float_elements(const TensorView& value);

ValueRange range_of(std::span<const float> values);
// The same, and kInvalidData when an element is infinite.
ValueRange finite_range_of(std::span<const float> values);

// scale 1, zero point 0 for an empty range.
ScaleZeroPoint choose_qparams(const ValueRange& range, const ObserverSpec& spec);
// QParams of `spec` with dtype and range filled in, scale and zero point left empty.
QParams empty_qparams(const ObserverSpec& spec);
QParams per_tensor_qparams(const ValueRange& range, const ObserverSpec& spec);

}  // namespace eightfold
