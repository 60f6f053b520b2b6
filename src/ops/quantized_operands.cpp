// Reads the constant operands of int8 operators. See quantized_operands.h.
#include "ops/quantized_operands.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/nibble.h"
#include "ops/half.h"

namespace eightfold {
namespace {

template <typename T>
std::vector<int32_t> widened(const Tensor& tensor) {
  const auto data = tensor.data<T>();
  return {data.begin(), data.end()};
}

std::vector<int32_t> widened_nibbles(const Tensor& tensor) {
  std::vector<int32_t> values;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    values.push_back(nibble_at(tensor.raw(), i, tensor.dtype() == DType::kInt4));
  }
  return values;
}

const Tensor& constant_input(const Node& node, std::span<const Tensor* const> constants, size_t i) {
  const Tensor* tensor = i < constants.size() ? constants[i] : nullptr;
  if (tensor) return *tensor;
  throw Error(ErrorCode::kUnsupportedModel,
              "input " + std::to_string(i) + " of " + node.op_type + " is not a constant",
              "scales, zero points and weights of int8 operators must be initializers");
}

std::vector<float> scales_of(const Tensor& tensor) {
  std::vector<float> scales;
  if (tensor.dtype() == DType::kFloat32) {
    const auto data = tensor.data<float>();
    scales.assign(data.begin(), data.end());
  } else if (tensor.dtype() == DType::kFloat16) {
    const auto* data = static_cast<const uint16_t*>(tensor.raw());
    for (int64_t i = 0; i < tensor.size(); ++i) scales.push_back(half_to_float(data[i]));
  }
  if (scales.empty()) {
    throw Error(ErrorCode::kInvalidType, "a scale of type " +
                                             std::string(dtype_name(tensor.dtype())) + " and " +
                                             std::to_string(tensor.size()) + " elements");
  }
  for (float scale : scales) {
    if (!(scale > 0) || !std::isfinite(scale)) {
      throw Error(ErrorCode::kInvalidData, "a scale is " + std::to_string(scale),
                  "scales must be positive and finite");
    }
  }
  return scales;
}

}  // namespace

std::vector<int32_t> integers_of(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kUint8: return widened<uint8_t>(tensor);
    case DType::kInt8: return widened<int8_t>(tensor);
    case DType::kUint16: return widened<uint16_t>(tensor);
    case DType::kInt16: return widened<int16_t>(tensor);
    case DType::kInt32: return widened<int32_t>(tensor);
    case DType::kUint4:
    case DType::kInt4: return widened_nibbles(tensor);
    default:
      throw Error(ErrorCode::kInvalidType,
                  "a zero point of type " + std::string(dtype_name(tensor.dtype())));
  }
}

OperandQParams read_qparams(const Node& node, std::span<const Tensor* const> constants,
                            size_t scale, size_t zero) {
  OperandQParams params;
  params.scale = scales_of(constant_input(node, constants, scale));
  params.zero_point = {0};
  if (node.input(zero) == kNone) return params;
  const Tensor& tensor = constant_input(node, constants, zero);
  params.dtype = tensor.dtype();
  params.zero_point = integers_of(tensor);
  if (params.zero_point.empty()) {
    throw Error(ErrorCode::kInvalidShape, "a zero point without elements");
  }
  return params;
}

OperandQParams read_tensor_qparams(const Node& node, std::span<const Tensor* const> constants,
                                   size_t scale, size_t zero) {
  OperandQParams params = read_qparams(node, constants, scale, zero);
  if (params.per_channel()) {
    throw Error(ErrorCode::kUnsupportedModel,
                "input " + std::to_string(scale) + " of " + node.op_type + " is per channel",
                "only weights may be quantized per channel");
  }
  return params;
}

template <typename T>
std::vector<T> spread(const std::vector<T>& values, int64_t count, const char* what) {
  if (static_cast<int64_t>(values.size()) == count) return values;
  if (values.size() == 1) return std::vector<T>(static_cast<size_t>(count), values[0]);
  throw Error(ErrorCode::kInvalidShape, std::string(what) + " has " +
                                            std::to_string(values.size()) + " entries for " +
                                            std::to_string(count) + " channels");
}
template std::vector<float> spread(const std::vector<float>&, int64_t, const char*);
template std::vector<int32_t> spread(const std::vector<int32_t>&, int64_t, const char*);

Int8Output output_of(const Node& node, DType dtype, int32_t zero_point) {
  if (!is_quantized_int8(dtype)) {
    throw Error(ErrorCode::kInvalidType, "an output of type " + std::string(dtype_name(dtype)),
                "the output zero point must be uint8 or int8");
  }
  const QRange range = full_range(dtype);
  const int64_t lo = std::max(range.quant_min, node.int_attribute("clamp_min", range.quant_min));
  const int64_t hi = std::min(range.quant_max, node.int_attribute("clamp_max", range.quant_max));
  if (lo > hi) {
    throw Error(ErrorCode::kInvalidAttribute,
                "clamp_min " + std::to_string(lo) + " is above clamp_max " + std::to_string(hi));
  }
  return {nullptr, dtype, zero_point, static_cast<int32_t>(lo), static_cast<int32_t>(hi)};
}

ActivationRange activations_of(const PackContext& context, size_t i, const OperandQParams& x) {
  const DType given = i < context.input_types.size() ? context.input_types[i].dtype : x.dtype;
  if (!is_quantized_int8(given)) return {};
  ActivationRange known{true, given == DType::kInt8, x.tensor_zero()};
  if (known.is_signed) known.lo = -128, known.hi = 127;
  if (i >= context.input_ranges.size()) return known;
  // Padding brings the zero point in, wherever the range is.
  known.lo = std::min(std::max(known.lo, context.input_ranges[i].lo), known.zero_point);
  known.hi = std::max(std::min(known.hi, context.input_ranges[i].hi), known.zero_point);
  return known;
}

bool is_one_row(const PackContext& context, size_t i) {
  if (i >= context.input_types.size() || !context.input_types[i].dims) return false;
  const Dims& dims = *context.input_types[i].dims;
  for (size_t axis = 0; axis + 1 < dims.size(); ++axis) {
    if (dims[axis].value != 1) return false;
  }
  return !dims.empty();
}

ByteTable byte_table(const TableQParams& params, bool is_signed, const Int8Output& range,
                     const std::function<float(float)>& f) {
  ByteTable table;
  for (int32_t byte = 0; byte < 256; ++byte) {
    const int32_t q = is_signed ? static_cast<int8_t>(byte) : byte;
    const float y = f(dequantize(q, params.x_scale, params.x_zero));
    const int32_t out = quantize(y, params.y_scale, params.y_zero, {range.lo, range.hi});
    table[static_cast<size_t>(byte)] = static_cast<uint8_t>(out);
  }
  return table;
}

bool is_signed_input(const PlanContext& context, size_t i) {
  const DType dtype = context.inputs[i].dtype;
  if (!is_quantized_int8(dtype)) {
    context.fail(ErrorCode::kInvalidType, "input " + std::to_string(i) + " is " +
                                              std::string(dtype_name(dtype)) +
                                              ", expected uint8 or int8");
  }
  return dtype == DType::kInt8;
}

}  // namespace eightfold
