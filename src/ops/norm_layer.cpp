// LayerNormalization: statistics over the trailing axes from `axis` on, in double.
//   y = (x - mean) / sqrt(variance + epsilon) * scale + bias;  outputs Mean, InvStdDev on request
#include "ops/norm.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

namespace eightfold {
namespace {

size_t layer_axis(const Node& node, size_t rank) {
  const int64_t axis = node.int_attribute("axis", -1);
  const int64_t positive = axis < 0 ? axis + static_cast<int64_t>(rank) : axis;
  if (positive < 0 || positive >= static_cast<int64_t>(rank)) {
    throw Error(ErrorCode::kInvalidAttribute,
                "axis " + std::to_string(axis) + " of a value of rank " + std::to_string(rank));
  }
  return static_cast<size_t>(positive);
}

void infer_layer_norm(InferContext& context) {
  infer_norm(context);
  std::optional<Dims> statistics = context.dims(0);
  if (statistics) {
    const size_t axis = layer_axis(context.node, statistics->size());
    std::fill(statistics->begin() + static_cast<ptrdiff_t>(axis), statistics->end(), Dim{1, {}});
  }
  context.set_output(1, DType::kFloat32, statistics);
  context.set_output(2, DType::kFloat32, statistics);
}

struct LayerPlan {
  int64_t rows, size;
  int64_t scale_size, bias_size;  // the parameter repeats every so many elements
};

// A parameter covers the trailing axes; leading ones of it may only be 1.
int64_t repeat_length(const PlanContext& context, size_t input,
                      std::span<const int64_t> normalized) {
  if (!context.has_input(input)) return 1;
  const Shape& shape = context.inputs[input].shape;
  const auto first = std::ranges::find_if(shape, [](int64_t dim) { return dim != 1; });
  const std::span<const int64_t> rest(first, shape.end());
  if (rest.size() > normalized.size() || !std::ranges::equal(rest, normalized.last(rest.size()))) {
    context.fail(ErrorCode::kInvalidShape, "input " + std::to_string(input) + " of shape " +
                                               shape_text(shape) + " does not cover the axes " +
                                               shape_text(normalized));
  }
  return element_count(rest);
}

OpState plan_layer_norm(PlanContext& context) {
  require_float(context);
  const std::span<const int64_t> x = context.inputs[0].shape;
  const auto normalized = x.subspan(layer_axis(context.node, x.size()));
  const int64_t size = element_count(normalized);
  return std::make_shared<LayerPlan>(LayerPlan{element_count(x.first(x.size() - normalized.size())),
                                               size, repeat_length(context, 1, normalized),
                                               repeat_length(context, 2, normalized)});
}

struct Moments {
  float mean, inverse_deviation;
};
Moments row_moments(const float* x, int64_t size, float epsilon) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < size; ++i) sum += x[i];
  const double mean = sum / static_cast<double>(size);
  for (int64_t i = 0; i < size; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const double variance = squares / static_cast<double>(size);
  return {static_cast<float>(mean), static_cast<float>(1.0 / std::sqrt(variance + epsilon))};
}

void run_layer_norm(RunContext& context) {
  const auto& plan = context.plan_as<LayerPlan>();
  const float epsilon = norm_epsilon(context.node);
  const float* x = context.inputs[0].as<float>();
  const float* scale = context.inputs[1].as<float>();
  const float* bias = context.has_input(2) ? context.inputs[2].as<float>() : nullptr;
  float* y = context.outputs[0].as<float>();
  for (int64_t row = 0; row < plan.rows; ++row, x += plan.size, y += plan.size) {
    const auto [mean, inverse] = row_moments(x, plan.size, epsilon);
    for (int64_t i = 0; i < plan.size; ++i) {
      const float normal = (x[i] - mean) * inverse * scale[i % plan.scale_size];
      y[i] = bias ? normal + bias[i % plan.bias_size] : normal;
    }
    if (context.has_output(1)) context.outputs[1].as<float>()[row] = mean;
    if (context.has_output(2)) context.outputs[2].as<float>()[row] = inverse;
  }
}

}  // namespace

OpDef layer_norm_row() {
  OpDef row = norm_row("LayerNormalization", LayoutRule::kPlain, plan_layer_norm, run_layer_norm);
  row.infer = infer_layer_norm;
  return row;
}

}  // namespace eightfold
