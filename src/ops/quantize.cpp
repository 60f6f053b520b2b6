// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: the edges between float and integers.
// Source: ONNX operators of these names, opsets 10 to 25 (types of two bits and float8 are refused)
// and com.microsoft.
//
//   q = clamp(round_half_even(x / scale) + zero_point)        x = (q - zero_point) * scale
// with one scale, one per index of an axis, or one per block of elements along an axis.
#include <algorithm>
#include <limits>
#include <memory>

#include "core/nibble.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "ops/dynamic_range.h"
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

// Which scale belongs to which elements: the axes in memory order, the stride of the scales along
// each and the elements of each that share one. Trailing axes without scales are one run.
struct Runs {
  Shape dims, strides, blocks;
  int64_t inner = 1;
  Int8Output bytes = {};  // of QuantizeLinear to eight bits: its range

  void add(int64_t dim, int64_t stride, int64_t block) {
    dims.push_back(dim);
    strides.push_back(stride);
    blocks.push_back(block);
  }
  void merge_tail() {
    while (!dims.empty() && strides.back() == 0) {
      inner *= dims.back();
      dims.pop_back();
      strides.pop_back();
      blocks.pop_back();
    }
  }
};

[[noreturn]] void refuse_scales(const PlanContext& context, size_t axis) {
  context.fail(ErrorCode::kInvalidShape, "scales of shape " + shape_text(context.inputs[1].shape) +
                                             " along axis " + std::to_string(axis) + " of " +
                                             shape_text(context.inputs[0].shape));
}

Runs runs_of(const PlanContext& context) {
  const TensorInfo& x = context.inputs[0];
  const Shape& scale = context.inputs[1].shape;
  const int64_t block = context.node.int_attribute("block_size", 0);
  Runs runs;
  if (block == 0 && element_count(scale) == 1) {
    runs.inner = element_count(x.shape);
    return runs;
  }
  const size_t rank = x.shape.size();
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", 1), rank);
  Shape expected = block > 0 ? x.shape : Shape{x.shape[axis]};
  if (block > 0) expected[axis] = (x.shape[axis] + block - 1) / block;
  if (block < 0 || scale != expected) refuse_scales(context, axis);
  for (size_t d : physical_order(rank, x.layout)) {
    if (block == 0) {
      runs.add(x.shape[d], d == axis ? 1 : 0, 1);
    } else {
      runs.add(x.shape[d], product(scale, d + 1, rank), d == axis ? block : 1);
    }
  }
  runs.merge_tail();
  return runs;
}

void check_parameters(const PlanContext& context) {
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

int32_t zero_at(const RunContext& context, int64_t scale) {
  return context.has_input(2) ? integer_at(context.inputs[2], scale) : 0;
}

// Calls run(first element, count, scale, zero point) for every run in memory order.
template <typename F>
void for_each_run(const RunContext& context, F&& run) {
  const auto& runs = context.plan_as<Runs>();
  const float* scales = context.inputs[1].as<float>();
  int64_t at = 0;
  const auto call = [&](int64_t count, int64_t scale) {
    run(at, count, scales[scale], zero_at(context, scale));
    at += count;
  };
  const size_t axes = runs.dims.size();
  if (axes == 0) return call(runs.inner, 0);
  const auto walk = [&](const auto& self, size_t axis, int64_t scale) -> void {
    const bool last = axis + 1 == axes;
    const int64_t dim = runs.dims[axis], block = runs.blocks[axis];
    for (int64_t i = 0; i < dim; i += last ? block : 1) {
      const int64_t here = scale + i / block * runs.strides[axis];
      if (last) {
        call(std::min(block, dim - i) * runs.inner, here);
      } else {
        self(self, axis + 1, here);
      }
    }
  };
  walk(walk, 0, 0);
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
  if (context.node.has_attribute("clamp_min") && !is_quantized_int8(context.outputs[0].dtype)) {
    context.fail(ErrorCode::kInvalidAttribute, "clamp_min and clamp_max are for eight bits");
  }
  auto runs = std::make_shared<Runs>(runs_of(context));
  const DType dtype = context.outputs[0].dtype;
  if (is_quantized_int8(dtype)) runs->bytes = output_of(context.node, dtype, 0);
  return runs;
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
    parallel_for({n, 5, 16}, [&](const LoopPart& part) {
      const int64_t first = at + part.begin;
      Int8Output some = context.plan_as<Runs>().bytes;
      some.data = y.as<uint8_t>() + first;
      some.zero_point = zero;
      quantize_bytes(x + first, part.count(), scale, some);
    });
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
      return parallel_for({n, 5, 16}, [&](const LoopPart& part) {
        const int64_t first = at + part.begin;
        dequantize_bytes({x.as<uint8_t>() + first, x.dtype == DType::kInt8, zero}, part.count(),
                         scale, y + first);
      });
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
  const auto [scale, zero_point] = dynamic_range(x, n);
  select<QuantizeInt8>()->run(x, n, scale,
                              {context.outputs[0].data, DType::kUint8, zero_point, 0, 255});
  if (context.has_output(1)) *context.outputs[1].as<float>() = scale;
  if (context.has_output(2)) *context.outputs[2].as<uint8_t>() = static_cast<uint8_t>(zero_point);
}

}  // namespace

std::vector<OpDef> quantize_ops() {
  const OpDef quantize{.domain = "",
                       .op_type = "QuantizeLinear",
                       .since = 10,
                       .inputs = {Role::kActivation, Role::kParameter, Role::kParameter},
                       .layout = LayoutRule::kFollow,
                       .infer = infer_quantize,
                       .plan = plan_quantize,
                       .run = run_quantize,
                       .observation = {Observation::kNotObserved}};
  OpDef dequantize = quantize;
  dequantize.op_type = "DequantizeLinear";
  dequantize.infer = infer_dequantize;
  dequantize.plan = plan_dequantize;
  dequantize.run = run_dequantize;
  dequantize.observation = {Observation::kSameAsInput};
  std::vector<OpDef> rows{quantize, dequantize};
  // With clamp_min and clamp_max, for eight bits.
  OpDef clamping = quantize;
  clamping.domain = kEightfoldDomain;
  clamping.since = 1;
  rows.push_back(clamping);
  // The same, from the time when ONNX had 8 bits alone.
  for (OpDef row : {quantize, dequantize}) {
    row.domain = kMicrosoftDomain;
    row.since = 1;
    rows.push_back(row);
  }
  rows.push_back({.domain = "",
                  .op_type = "DynamicQuantizeLinear",
                  .since = 11,
                  .inputs = {Role::kActivation},
                  .layout = LayoutRule::kFollow,
                  .infer = infer_dynamic,
                  .plan = plan_dynamic,
                  .run = run_dynamic,
                  .observation = {Observation::kNotObserved}});
  return rows;
}

}  // namespace eightfold
