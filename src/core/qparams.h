// Quantization parameters, and the scalar formulas everything else agrees with.
//
//   q = clamp(round(x / scale) + zero_point, quant_min, quant_max)     round half to even
//   x' = (q - zero_point) * scale
//
// Source: ONNX QuantizeLinear / DequantizeLinear; choose_qparams follows the
// uniform observers of PyTorch (zero is always representable, scale >= eps).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/tensor.h"

namespace eightfold {

enum class QScheme : uint8_t {
  kPerTensorAffine,
  kPerTensorSymmetric,
  kPerChannelAffine,
  kPerChannelSymmetric,
};
bool is_symmetric(QScheme scheme);
bool is_per_channel(QScheme scheme);

// One scale and zero point (axis == -1), or one per index of `axis`.
struct QParams {
  std::vector<float> scale;
  std::vector<int32_t> zero_point;
  int axis = -1;
  DType dtype = DType::kUint8;
  int64_t quant_min = 0;
  int64_t quant_max = 255;

  bool per_channel() const { return axis >= 0; }
  bool operator==(const QParams&) const = default;
};

struct QRange {
  int64_t quant_min, quant_max;
  bool operator==(const QRange&) const = default;
};
// Full range of an integer dtype (uint4 for anything PyTorch calls quint4x2).
QRange full_range(DType dtype);
// `range` halved towards minus infinity: -128..127 -> -64..63, -127..127 -> -64..63.
QRange reduced_range(QRange range);

struct ScaleZeroPoint {
  float scale = 1.0f;
  int32_t zero_point = 0;
  bool operator==(const ScaleZeroPoint&) const = default;
};

struct QParamsRequest {
  DType dtype = DType::kUint8;
  QScheme qscheme = QScheme::kPerTensorAffine;
  QRange range{0, 255};
  bool custom_range = false;   // matters for the symmetric uint8 zero point alone
  float eps = 1.1920929e-07f;  // 2^-23
};
// spec-facts 3.1. Throws kInvalidData on NaN, infinite or min > max.
ScaleZeroPoint choose_qparams(float min, float max, const QParamsRequest& request);

// Round half to even, independent of the floating-point environment's state.
float round_half_even(float value);

int32_t quantize(float value, float scale, int32_t zero_point, QRange range);
inline float dequantize(int32_t q, float scale, int32_t zero_point) {
  return static_cast<float>(q - zero_point) * scale;
}
float fake_quantize(float value, float scale, int32_t zero_point, QRange range);

}  // namespace eightfold
