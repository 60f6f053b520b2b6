// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: the edges between float and integers.
// Source: ONNX operators of these names, opsets 10 to 25 (blocked quantization, types of two bits
// and float8 are refused).
//
//   q = clamp(round_half_even(x / scale) + zero_point)        x = (q - zero_point) * scale
#include <algorithm>
#include <limits>
#include <memory>

#include "core/nibble.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "ops/families.h"
#include "ops/quantized_operands.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

bool is_integer(DType dtype) {
  return is_quantized_int8(dtype) || is_four_bit(dtype) || dtype == DType::kUint16 ||
         dtype == DType::kInt16 || dtype == DType::kInt32;
}

// The output type of QuantizeLinear: of its zero point, else of the attribute, else uint8.
DType quantized_dtype(const Node& node, DType zero_point) {
  if (zero_point != DType::kUndefined) return zero_point;
  const auto named = static_cast<DType>(node.int_attribute("output_dtype", 0));
  return named == DType::kUndefined ? DType::kUint8 : named;
}

// Runs of elements that share a scale: [outer][channels][inner] in memory order.
struct Runs {
  int64_t outer = 1, channels = 1, inner = 1;
};

Runs runs_of(const PlanContext& context) {
  const TensorInfo& x = context.inputs[0];
  const TensorInfo& scale = context.inputs[1];
  const Shape memory = physical_shape(x.shape, x.layout);
  const int64_t count = element_count(scale.shape);
  if (count == 1) return {1, 1, element_count(x.shape)};
  if (scale.shape.size() != 1) {
    context.fail(ErrorCode::kUnsupportedModel, "a scale of shape " + shape_text(scale.shape),
                 "blocked quantization is not supported; use one scale per axis index");
  }
  const size_t logical =
      checked_axis(context, context.node.int_attribute("axis", 1), x.shape.size());
  const size_t axis = physical_axis(logical, memory.size(), x.layout);
  if (memory[axis] != count) {
    context.fail(ErrorCode::kInvalidShape, std::to_string(count) + " scales for axis " +
                                               std::to_string(logical) + " of " +
                                               shape_text(x.shape));
  }
  return {product(memory, 0, axis), count, product(memory, axis + 1, memory.size())};
}

void check_parameters(const PlanContext& context) {
  if (context.node.int_attribute("block_size", 0) != 0) {
    context.fail(ErrorCode::kUnsupportedModel, "blocked quantization is not supported");
  }
  if (context.inputs[1].dtype != DType::kFloat32) {
    context.fail(ErrorCode::kInvalidType,
                 "a scale of type " + std::string(dtype_name(context.inputs[1].dtype)));
  }
  if (context.has_input(2) &&
      element_count(context.inputs[2].shape) != element_count(context.inputs[1].shape)) {
    context.fail(ErrorCode::kInvalidShape, "scale " + shape_text(context.inputs[1].shape) +
                                               " and zero point " +
                                               shape_text(context.inputs[2].shape));
  }
}

int32_t integer_at(const TensorView& view, int64_t i) {
  switch (view.dtype) {
    case DType::kUint8: return view.as<uint8_t>()[i];
    case DType::kInt8: return view.as<int8_t>()[i];
    case DType::kUint16: return view.as<uint16_t>()[i];
    case DType::kInt16: return view.as<int16_t>()[i];
    case DType::kUint4: return nibble_at(view.data, i, false);
    case DType::kInt4: return nibble_at(view.data, i, true);
    default: return view.as<int32_t>()[i];
  }
}

int32_t zero_at(const RunContext& context, int64_t channel) {
  return context.has_input(2) ? integer_at(context.inputs[2], channel) : 0;
}

// Calls run(first element, count, scale, zero point) for every run in memory order.
template <typename F>
void for_each_run(const RunContext& context, F&& run) {
  const auto& runs = context.plan_as<Runs>();
  const float* scale = context.inputs[1].as<float>();
  int64_t at = 0;
  for (int64_t o = 0; o < runs.outer; ++o) {
    for (int64_t c = 0; c < runs.channels; ++c, at += runs.inner) {
      run(at, runs.inner, scale[c], zero_at(context, c));
    }
  }
}

// ---------------------------------------------------------------- QuantizeLinear
void infer_quantize(InferContext& context) {
  context.set_output(0, quantized_dtype(context.node, context.dtype(2)), context.dims(0));
}

OpState plan_quantize(PlanContext& context) {
  check_parameters(context);
  if (context.inputs[0].dtype != DType::kFloat32 || !is_integer(context.outputs[0].dtype)) {
    context.fail(ErrorCode::kUnsupportedModel,
                 "QuantizeLinear from " + std::string(dtype_name(context.inputs[0].dtype)) +
                     " to " + std::string(dtype_name(context.outputs[0].dtype)));
  }
  return std::make_shared<Runs>(runs_of(context));
}

template <typename T>
void quantize_wide(const float* x, int64_t n, float scale, int32_t zero, TensorView y, int64_t at) {
  const QRange range = full_range(y.dtype);
  for (int64_t i = 0; i < n; ++i) {
    y.as<T>()[at + i] = static_cast<T>(quantize(x[i], scale, zero, range));
  }
}

void quantize_nibbles(const float* x, int64_t n, float scale, int32_t zero, TensorView y,
                      int64_t at) {
  const QRange range = full_range(y.dtype);
  for (int64_t i = 0; i < n; ++i) {
    append_nibble(y.data, at + i, quantize(x[i], scale, zero, range));
  }
}

void run_quantize(RunContext& context) {
  const TensorView& y = context.outputs[0];
  const float* x = context.inputs[0].as<float>();
  const auto quantize_bytes = select<QuantizeInt8>()->run;
  for_each_run(context, [&](int64_t at, int64_t n, float scale, int32_t zero) {
    switch (y.dtype) {
      case DType::kUint16: return quantize_wide<uint16_t>(x + at, n, scale, zero, y, at);
      case DType::kInt16: return quantize_wide<int16_t>(x + at, n, scale, zero, y, at);
      case DType::kInt32: return quantize_wide<int32_t>(x + at, n, scale, zero, y, at);
      case DType::kUint4:
      case DType::kInt4: return quantize_nibbles(x + at, n, scale, zero, y, at);
      default: break;
    }
    const QRange range = full_range(y.dtype);
    quantize_bytes(x + at, n, scale,
                   {y.as<uint8_t>() + at, y.dtype, zero, static_cast<int32_t>(range.quant_min),
                    static_cast<int32_t>(range.quant_max)});
  });
}

// ---------------------------------------------------------------- DequantizeLinear
void infer_dequantize(InferContext& context) {
  const auto named = static_cast<DType>(context.node.int_attribute("output_dtype", 0));
  const DType scale = context.dtype(1) == DType::kUndefined ? DType::kFloat32 : context.dtype(1);
  context.set_output(0, named == DType::kUndefined ? scale : named, context.dims(0));
}

OpState plan_dequantize(PlanContext& context) {
  check_parameters(context);
  if (!is_integer(context.inputs[0].dtype) || context.outputs[0].dtype != DType::kFloat32) {
    context.fail(ErrorCode::kUnsupportedModel,
                 "DequantizeLinear from " + std::string(dtype_name(context.inputs[0].dtype)) +
                     " to " + std::string(dtype_name(context.outputs[0].dtype)));
  }
  return std::make_shared<Runs>(runs_of(context));
}

void dequantize_nibbles(const TensorView& x, int64_t at, int64_t n, float scale, int32_t zero,
                        float* y) {
  float table[16];  // by the bits of an element
  for (int32_t bits = 0; bits < 16; ++bits) {
    const auto byte = static_cast<uint8_t>(bits);
    table[bits] = dequantize(nibble_at(&byte, 0, x.dtype == DType::kInt4), scale, zero);
  }
  for (int64_t i = 0; i < n; ++i) y[i] = table[nibble_at(x.data, at + i, false)];
}

void run_dequantize(RunContext& context) {
  const TensorView& x = context.inputs[0];
  auto* y = context.outputs[0].as<float>();
  const auto dequantize_bytes = select<DequantizeInt8>()->run;
  for_each_run(context, [&](int64_t at, int64_t n, float scale, int32_t zero) {
    if (is_quantized_int8(x.dtype)) {
      dequantize_bytes({x.as<uint8_t>() + at, x.dtype == DType::kInt8, zero}, n, scale, y + at);
      return;
    }
    if (is_four_bit(x.dtype)) return dequantize_nibbles(x, at, n, scale, zero, y + at);
    for (int64_t i = 0; i < n; ++i) {
      // The difference of two int32 may need 33 bits.
      const int64_t steps = static_cast<int64_t>(integer_at(x, at + i)) - zero;
      y[at + i] = static_cast<float>(steps) * scale;
    }
  });
}

// ---------------------------------------------------------------- DynamicQuantizeLinear
// uint8 over [min(x, 0), max(x, 0)]; outputs y, its scale and zero point.
void infer_dynamic(InferContext& context) {
  context.set_output(0, DType::kUint8, context.dims(0));
  context.set_output(1, DType::kFloat32, Shape{});
  context.set_output(2, DType::kUint8, Shape{});
}

OpState plan_dynamic(PlanContext& context) {
  if (context.inputs[0].dtype != DType::kFloat32) {
    context.fail(ErrorCode::kInvalidType,
                 "DynamicQuantizeLinear of " + std::string(dtype_name(context.inputs[0].dtype)));
  }
  return nullptr;
}

void run_dynamic(RunContext& context) {
  const int64_t n = context.inputs[0].size();
  const float* x = context.inputs[0].as<float>();
  float low = 0, high = 0;
  for (int64_t i = 0; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  const float scale = low == high ? 1.0f : (high - low) / 255.0f;
  const float zero = round_half_even(std::clamp(0.0f - low / scale, 0.0f, 255.0f));
  const auto zero_point = static_cast<int32_t>(zero);
  select<QuantizeInt8>()->run(x, n, scale,
                              {context.outputs[0].data, DType::kUint8, zero_point, 0, 255});
  if (context.has_output(1)) *context.outputs[1].as<float>() = scale;
  if (context.has_output(2)) *context.outputs[2].as<uint8_t>() = static_cast<uint8_t>(zero_point);
}

}  // namespace

std::vector<OpDef> quantize_ops() {
  return {{.domain = "",
           .op_type = "QuantizeLinear",
           .since = 10,
           .inputs = {Role::kActivation, Role::kParameter, Role::kParameter},
           .layout = LayoutRule::kFollow,
           .infer = infer_quantize,
           .plan = plan_quantize,
           .run = run_quantize,
           .observation = {Observation::kNotObserved}},
          {.domain = "",
           .op_type = "DequantizeLinear",
           .since = 10,
           .inputs = {Role::kActivation, Role::kParameter, Role::kParameter},
           .layout = LayoutRule::kFollow,
           .infer = infer_dequantize,
           .plan = plan_dequantize,
           .run = run_dequantize,
           .observation = {Observation::kSameAsInput}},
          {.domain = "",
           .op_type = "DynamicQuantizeLinear",
           .since = 11,
           .inputs = {Role::kActivation},
           .layout = LayoutRule::kFollow,
           .infer = infer_dynamic,
           .plan = plan_dynamic,
           .run = run_dynamic,
           .observation = {Observation::kNotObserved}}};
}

}  // namespace eightfold
