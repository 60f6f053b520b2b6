// See matchers.h.
#include "support/matchers.h"

#include <cstring>

namespace eightfold::test {
namespace {

template <typename T>
std::string first_difference(const Tensor& got, const Tensor& want, Tolerance tolerance) {
  const auto g = got.data<T>();
  const auto w = want.data<T>();
  for (size_t i = 0; i < g.size(); ++i) {
    if (g[i] == w[i] || (g[i] != g[i] && w[i] != w[i])) continue;
    const double error = std::fabs(static_cast<double>(g[i]) - static_cast<double>(w[i]));
    const double allowed =
        static_cast<double>(tolerance.absolute) +
        static_cast<double>(tolerance.relative) * std::fabs(static_cast<double>(w[i]));
    if (error <= allowed) continue;
    return "element " + std::to_string(i) + " of " + std::to_string(g.size()) + " is " +
           std::to_string(g[i]) + ", expected " + std::to_string(w[i]) + " (off by " +
           std::to_string(error) + ")";
  }
  return {};
}

}  // namespace

std::string difference(const Tensor& got, const Tensor& want, Tolerance tolerance) {
  if (got.dtype() != want.dtype()) {
    return "dtype " + std::string(dtype_name(got.dtype())) + ", expected " +
           std::string(dtype_name(want.dtype()));
  }
  if (got.shape() != want.shape()) {
    return "shape " + shape_text(got.shape()) + ", expected " + shape_text(want.shape());
  }
  switch (want.dtype()) {
    case DType::kFloat32: return first_difference<float>(got, want, tolerance);
    case DType::kFloat64: return first_difference<double>(got, want, tolerance);
    case DType::kInt64: return first_difference<int64_t>(got, want, tolerance);
    case DType::kInt32: return first_difference<int32_t>(got, want, tolerance);
    case DType::kUint8: return first_difference<uint8_t>(got, want, tolerance);
    case DType::kInt8: return first_difference<int8_t>(got, want, tolerance);
    case DType::kBool: return first_difference<bool>(got, want, tolerance);
    default:
      return got.size_bytes() == 0 || std::memcmp(got.raw(), want.raw(), got.size_bytes()) == 0
                 ? std::string()
                 : "bytes differ";
  }
}

}  // namespace eightfold::test
