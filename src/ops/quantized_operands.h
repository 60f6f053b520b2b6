// Scales, zero points and output ranges as the int8 operators take them: constant inputs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/qparams.h"
#include "kernels/int8.h"
#include "ops/op.h"

namespace eightfold {

// One operand's parameters: one entry (per tensor) or one per channel. An absent zero point is 0.
struct OperandQParams {
  std::vector<float> scale;
  std::vector<int32_t> zero_point;
  DType dtype = DType::kUndefined;  // of the zero point; undefined when that is absent

  float tensor_scale() const { return scale[0]; }
  int32_t tensor_zero() const { return zero_point[0]; }
  bool per_channel() const { return scale.size() > 1 || zero_point.size() > 1; }
  bool operator==(const OperandQParams&) const = default;
};

// Reads the inputs `scale` and `zero`. Throws kUnsupportedModel when they are not constant,
// kInvalidData on a scale that is not a positive finite number.
OperandQParams read_qparams(const Node& node, std::span<const Tensor* const> constants,
                            size_t scale, size_t zero);
// The same; per-channel parameters are refused with kUnsupportedModel.
OperandQParams read_tensor_qparams(const Node& node, std::span<const Tensor* const> constants,
                                   size_t scale, size_t zero);
// The entries of an integer tensor of any of the quantized dtypes or int32.
std::vector<int32_t> integers_of(const Tensor& tensor);
// One entry or `count` of them, as `count`. Throws kInvalidShape.
template <typename T>
std::vector<T> spread(const std::vector<T>& values, int64_t count, const char* what);

// Where and how the output is written: full range of `dtype`, narrowed by the attributes clamp_min
// and clamp_max of the eightfold twins (in quantized units). Throws kInvalidType unless 8-bit.
Int8Output output_of(const Node& node, DType dtype, int32_t zero_point);

// What pack knows of the activations of input i, whose parameters are `x`.
ActivationRange activations_of(const PackContext& context, size_t i, const OperandQParams& x);
// Whether input i is known to be one row, a vector along its last axis.
bool is_one_row(const PackContext& context, size_t i);

// y = quantize(f(dequantize(x))) for every byte x.
using ByteTable = std::array<uint8_t, 256>;
struct TableQParams {
  float x_scale;
  int32_t x_zero;
  float y_scale;
  int32_t y_zero;
};
ByteTable byte_table(const TableQParams& params, bool is_signed, const Int8Output& range,
                     const std::function<float(float)>& f);

// The int8 dtype of input i; throws kInvalidType for any other.
bool is_signed_input(const PlanContext& context, size_t i);

}  // namespace eightfold
