// Comparison of tensors with named tolerances.
#pragma once

#include <cmath>
#include <string>

#include "core/tensor.h"

namespace eightfold::test {

// |got - want| <= absolute + relative * |want|
struct Tolerance {
  float relative = 0;
  float absolute = 0;
};
inline constexpr Tolerance kExact{};
inline constexpr Tolerance kFloatMath{1e-6f, 1e-7f};  // one function of the C library per element
inline constexpr Tolerance kFloatSums{1e-5f, 1e-6f};  // sums in another order
inline constexpr Tolerance kModel{1e-4f, 1e-5f};      // a whole network

// Empty when equal; otherwise the first difference, for INFO and messages:
//   CHECK(difference(got, want, kFloatMath) == "");
std::string difference(const Tensor& got, const Tensor& want, Tolerance tolerance = kExact);

}  // namespace eightfold::test
