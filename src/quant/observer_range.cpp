// See observer_range.h. The scan keeps kLanes ranges side by side, so that compilers turn
// it into vector min and max; NaN and infinity show in the largest magnitude's bits.
#include "quant/observer_range.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "core/error.h"

namespace eightfold {
namespace {

constexpr size_t kLanes = 16;
constexpr uint32_t kMagnitudeBits = 0x7fffffff;
constexpr uint32_t kInfinityBits = 0x7f800000;

uint32_t magnitude_bits(float value) { return std::bit_cast<uint32_t>(value) & kMagnitudeBits; }

struct Lanes {
  std::array<float, kLanes> min, max;
  std::array<uint32_t, kLanes> magnitude{};
  Lanes() {
    min.fill(kEmptyRange.min);
    max.fill(kEmptyRange.max);
  }
  void add(const float* values) {
    for (size_t j = 0; j < kLanes; ++j) {
      const float v = values[j];
      min[j] = v < min[j] ? v : min[j];
      max[j] = v > max[j] ? v : max[j];
      magnitude[j] = std::max(magnitude[j], magnitude_bits(v));
    }
  }
};

// The slow way, for data with infinities.
ValueRange range_of_finite_elements(std::span<const float> values) {
  ValueRange range = kEmptyRange;
  range.has_infinity = true;
  for (float v : values) {
    if (magnitude_bits(v) < kInfinityBits) range.extend({v, v});
  }
  return range;
}

}  // namespace

void ValueRange::extend(const ValueRange& other) {
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  has_infinity = has_infinity || other.has_infinity;
}

std::span<const float> float_elements(const TensorView& value) {
  if (value.dtype != DType::kFloat32) {
    throw Error(ErrorCode::kInvalidType,
                "an observer takes float32, not " + std::string(dtype_name(value.dtype)));
  }
  return {value.as<float>(), static_cast<size_t>(value.size())};
}

ValueRange range_of(std::span<const float> values) {
  Lanes lanes;
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) lanes.add(&values[i]);
  if (i < values.size()) {
    std::array<float, kLanes> tail;
    tail.fill(values[i]);
    std::copy(values.begin() + static_cast<std::ptrdiff_t>(i), values.end(), tail.begin());
    lanes.add(tail.data());
  }
  const uint32_t largest = *std::max_element(lanes.magnitude.begin(), lanes.magnitude.end());
  if (largest > kInfinityBits) {
    throw Error(ErrorCode::kInvalidData, "a value to be observed is NaN",
                "look for NaN in the calibration data, then for a node that makes it");
  }
  if (largest == kInfinityBits) return range_of_finite_elements(values);
  return {*std::min_element(lanes.min.begin(), lanes.min.end()),
          *std::max_element(lanes.max.begin(), lanes.max.end())};
}

ValueRange finite_range_of(std::span<const float> values) {
  const ValueRange range = range_of(values);
  if (range.has_infinity) {
    throw Error(ErrorCode::kInvalidData, "a value to be observed is infinite",
                "HistogramObserver leaves infinite elements out; or keep the node float");
  }
  return range;
}

ScaleZeroPoint choose_qparams(const ValueRange& range, const ObserverSpec& spec) {
  if (range.empty()) return {};
  QParamsRequest request;
  request.dtype = spec.dtype;
  request.qscheme = spec.qscheme;
  request.range = spec.range();
  request.custom_range = request.range != full_range(spec.dtype);
  request.eps = spec.eps;
  return choose_qparams(range.min, range.max, request);
}

QParams empty_qparams(const ObserverSpec& spec) {
  QParams out;
  out.dtype = spec.dtype;
  out.quant_min = spec.range().quant_min;
  out.quant_max = spec.range().quant_max;
  return out;
}

QParams per_tensor_qparams(const ValueRange& range, const ObserverSpec& spec) {
  QParams out = empty_qparams(spec);
  const ScaleZeroPoint chosen = choose_qparams(range, spec);
  out.scale = {chosen.scale};
  out.zero_point = {chosen.zero_point};
  return out;
}

}  // namespace eightfold
