// The formulas of qparams.h, once.
#include "core/qparams.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace eightfold {

bool is_symmetric(QScheme scheme) {
  return scheme == QScheme::kPerTensorSymmetric || scheme == QScheme::kPerChannelSymmetric;
}

bool is_per_channel(QScheme scheme) {
  return scheme == QScheme::kPerChannelAffine || scheme == QScheme::kPerChannelSymmetric;
}

QRange full_range(DType dtype) {
  switch (dtype) {
    case DType::kInt8: return {-128, 127};
    case DType::kUint8: return {0, 255};
    case DType::kInt16: return {-32768, 32767};
    case DType::kUint16: return {0, 65535};
    case DType::kInt32: return {INT32_MIN, INT32_MAX};
    case DType::kInt4: return {-8, 7};
    default: return {0, 15};
  }
}

QRange reduced_range(QRange range) {
  const auto floor_half = [](int64_t v) { return v >= 0 ? v / 2 : -((-v + 1) / 2); };
  return {floor_half(range.quant_min), floor_half(range.quant_max)};
}

ScaleZeroPoint choose_qparams(float min, float max, const QParamsRequest& request) {
  if (!std::isfinite(min) || !std::isfinite(max) || min > max) {
    throw Error(ErrorCode::kInvalidData,
                "cannot choose a scale for the range [" + std::to_string(min) + ", " +
                    std::to_string(max) + "]",
                "look for NaN or infinite values in the calibration data or the weights");
  }
  const auto [qmin, qmax] = request.range;
  const float lo = std::min(min, 0.0f);
  const float hi = std::max(max, 0.0f);
  const auto levels = static_cast<float>(qmax - qmin);
  ScaleZeroPoint out;
  if (is_symmetric(request.qscheme)) {
    const float bound = std::max(-lo, hi);
    out.scale = std::max(bound / (levels / 2.0f), request.eps);
    if (request.dtype == DType::kUint8) {
      out.zero_point = request.custom_range ? static_cast<int32_t>((qmin + qmax) / 2) : 128;
    } else if (request.dtype == DType::kUint16) {
      out.zero_point = 32768;
    }
    return out;
  }
  // In float32 as the original, unless the difference of two large floats overflows there.
  const float span = hi - lo;
  const float scale = std::isfinite(span) ? span / levels : hi / levels - lo / levels;
  out.scale = std::max(scale, request.eps);
  const auto zero = static_cast<double>(qmin) - round_half_even(lo / out.scale);
  out.zero_point =
      static_cast<int32_t>(std::clamp(zero, static_cast<double>(qmin), static_cast<double>(qmax)));
  return out;
}

float round_half_even(float value) {
  // Every float of magnitude 2^23 or more is an integer already. Below that,
  // adding 2^23 leaves no fraction bits, and the addition itself rounds to even.
  constexpr float kTwo23 = 8388608.0f;
  const float magnitude = std::fabs(value);
  if (!(magnitude < kTwo23)) return value;
  const float rounded = (magnitude + kTwo23) - kTwo23;
  return std::copysign(rounded, value);
}

int32_t quantize(float value, float scale, int32_t zero_point, QRange range) {
  // NaN maps to quant_min, as a saturating conversion of "smaller than all" would.
  const double q = static_cast<double>(round_half_even(value / scale)) + zero_point;
  if (!(q > static_cast<double>(range.quant_min))) return static_cast<int32_t>(range.quant_min);
  if (q >= static_cast<double>(range.quant_max)) return static_cast<int32_t>(range.quant_max);
  return static_cast<int32_t>(q);
}

float fake_quantize(float value, float scale, int32_t zero_point, QRange range) {
  return dequantize(quantize(value, scale, zero_point, range), scale, zero_point);
}

}  // namespace eightfold
