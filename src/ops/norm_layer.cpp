// LayerNormalization and RMSNormalization: statistics over the trailing axes from `axis` on.
//   y = (x - mean) / sqrt(variance + epsilon) * scale + bias;  outputs Mean, InvStdDev on request
//   RMS: the mean is taken for 0. SimplifiedLayerNormalization is onnxruntime's name of it, with
//   an output InvStdDev.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>

#include "ops/norm.h"

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
  for (size_t i = 1; i < context.output_count(); ++i) {
    context.set_output(i, DType::kFloat32, statistics);
  }
}

struct LayerPlan {
  int64_t rows, size;
  int64_t scale_size, bias_size;
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

// Sums of f(x[i]) in double, four at a time.
template <class F>
double sum_of(const float* x, int64_t size, F f) {
  std::array<double, 4> sums{};
  int64_t i = 0;
  for (; i + 4 <= size; i += 4) {
    for (size_t j = 0; j < 4; ++j)
      sums[j] += f(static_cast<double>(x[i + static_cast<int64_t>(j)]));
  }
  for (; i < size; ++i) sums[0] += f(static_cast<double>(x[i]));
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

template <LayerCentre kCentre>
void run_layer_norm(RunContext& context) {
  const auto& plan = context.plan_as<LayerPlan>();
  const bool has_bias = kCentre == LayerCentre::kMean && context.has_input(2);
  const LayerStep step{kCentre,
                       norm_epsilon(context.node),
                       context.inputs[1].as<float>(),
                       plan.scale_size,
                       has_bias ? context.inputs[2].as<float>() : nullptr,
                       plan.bias_size};
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  // Mean and InvStdDev, or InvStdDev alone.
  const size_t deviation = kCentre == LayerCentre::kMean ? 2 : 1;
  for (int64_t row = 0; row < plan.rows; ++row, x += plan.size, y += plan.size) {
    const LayerMoments moments = layer_row(step, x, plan.size, y);
    if (deviation == 2 && context.has_output(1)) {
      context.outputs[1].as<float>()[row] = moments.mean;
    }
    if (context.has_output(deviation)) {
      context.outputs[deviation].as<float>()[row] = moments.inverse_deviation;
    }
  }
}

}  // namespace

LayerMoments layer_row(const LayerStep& step, const float* x, int64_t size, float* y) {
  const auto count = static_cast<double>(size);
  const double mean = step.centre == LayerCentre::kMean
                          ? sum_of(x, size, [](double value) { return value; }) / count
                          : 0.0;
  const double variance =
      sum_of(x, size, [mean](double value) { return (value - mean) * (value - mean); }) / count;
  const LayerMoments moments{static_cast<float>(mean),
                             static_cast<float>(1.0 / std::sqrt(variance + step.epsilon))};
  // The parameters repeat over the row: whole stretches of them.
  for (int64_t at = 0; at < size; at += step.scale_size) {
    for (int64_t i = 0; i < step.scale_size; ++i) {
      y[at + i] = (x[at + i] - moments.mean) * moments.inverse_deviation * step.scale[i];
    }
  }
  for (int64_t at = 0; step.bias && at < size; at += step.bias_size) {
    for (int64_t i = 0; i < step.bias_size; ++i) y[at + i] += step.bias[i];
  }
  return moments;
}

void add_layer_norm_rows(std::vector<OpDef>& rows) {
  const auto add = [&](std::string_view op_type, void (*run)(RunContext&)) {
    rows.push_back(norm_row(op_type, LayoutRule::kPlain, plan_layer_norm, run));
    rows.back().infer = infer_layer_norm;
  };
  add("LayerNormalization", run_layer_norm<LayerCentre::kMean>);
  add("RMSNormalization", run_layer_norm<LayerCentre::kZero>);
  add("SimplifiedLayerNormalization", run_layer_norm<LayerCentre::kZero>);
}

}  // namespace eightfold
