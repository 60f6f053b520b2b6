// BatchNormalization (inference), InstanceNormalization, LayerNormalization, LRN.
//   y = (x - mean) / sqrt(variance + epsilon) * scale + bias
// Batch: mean and variance are given per channel; instance: taken over the pixels of each image and
// channel; layer: over the trailing axes. LRN: y = x / (bias + alpha / size * sum of x^2)^beta over
// `size` neighbouring channels. Sums run in double. Source: ONNX.
#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "ops/families.h"

namespace eightfold {
namespace {

void infer_same(InferContext& context) { context.set_output(0, context.dtype(0), context.dims(0)); }

void require_float(const PlanContext& context) {
  for (const TensorInfo& input : context.inputs) {
    if (input.present() && input.dtype != DType::kFloat32) {
      context.fail(ErrorCode::kInvalidType,
                   "dtype " + std::string(dtype_name(input.dtype)) + ", expected float32");
    }
  }
}

void require_channels(const PlanContext& context, size_t first, size_t count) {
  const Shape& x = context.inputs[0].shape;
  if (x.size() < 2) context.fail(ErrorCode::kInvalidShape, "an input of shape " + shape_text(x));
  for (size_t i = first; i < first + count; ++i) {
    if (context.has_input(i) && element_count(context.inputs[i].shape) == x[1]) continue;
    context.fail(ErrorCode::kInvalidShape, "input " + std::to_string(i) + " must have " +
                                               std::to_string(x[1]) + " elements");
  }
}

// [N, C, spatial...] as images of `pixels` pixels.
struct Images {
  int64_t batch, channels, pixels;
};
Images images_of(std::span<const int64_t> shape) {
  return {shape[0], shape[1], element_count(shape.subspan(2))};
}

// ---------------------------------------------------------------- BatchNormalization
// y = x * factor[c] + offset[c]: factors, then offsets.
void fold_statistics(int64_t channels, const float* const parameters[4], float epsilon, float* out) {
  const auto [scale, bias, mean, variance] =
      std::tuple(parameters[0], parameters[1], parameters[2], parameters[3]);
  for (int64_t c = 0; c < channels; ++c) {
    const double factor = scale[c] / std::sqrt(static_cast<double>(variance[c]) + epsilon);
    out[c] = static_cast<float>(factor);
    out[channels + c] = static_cast<float>(bias[c] - mean[c] * factor);
  }
}

float epsilon_of(const Node& node) { return node.float_attribute("epsilon", 1e-5f); }

OpState pack_batch_norm(const PackContext& context) {
  const float* parameters[4];
  const Tensor* scale = context.constant(1);
  for (size_t i = 0; i < 4; ++i) {
    const Tensor* tensor = context.constant(i + 1);
    if (!tensor || tensor->dtype() != DType::kFloat32 || tensor->size() != scale->size()) {
      return nullptr;
    }
    parameters[i] = tensor->data<float>().data();
  }
  auto folded = std::make_shared<std::vector<float>>(2 * static_cast<size_t>(scale->size()));
  fold_statistics(scale->size(), parameters, epsilon_of(context.node), folded->data());
  return folded;
}

OpState plan_batch_norm(PlanContext& context) {
  require_float(context);
  require_channels(context, 1, 4);
  const bool training = context.node.int_attribute("training_mode", 0) != 0;
  const bool statistics = std::ranges::any_of(context.outputs.subspan(1), &TensorInfo::present);
  if (training || statistics || context.node.int_attribute("spatial", 1) == 0) {
    context.fail(ErrorCode::kUnsupportedOp,
                 "BatchNormalization runs for inference and per channel only",
                 "export the model in evaluation mode");
  }
  if (!context.packed) {
    context.scratch_bytes = 2 * static_cast<size_t>(context.inputs[0].shape[1]) * sizeof(float);
  }
  return nullptr;
}

void scale_pixels(const float* x, const float* folded, int64_t pixels, int64_t channels, float* y) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) y[c] = x[c] * folded[c] + folded[channels + c];
  }
}

void scale_planes(const float* x, const float* folded, const Images& images, float* y) {
  for (int64_t n = 0; n < images.batch; ++n) {
    for (int64_t c = 0; c < images.channels; ++c, x += images.pixels, y += images.pixels) {
      const float factor = folded[c], offset = folded[images.channels + c];
      for (int64_t p = 0; p < images.pixels; ++p) y[p] = x[p] * factor + offset;
    }
  }
}

void run_batch_norm(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const Images images = images_of(x.shape);
  const float* folded = reinterpret_cast<const float*>(context.scratch);
  if (context.packed) {
    folded = context.packed_as<std::vector<float>>().data();
  } else {
    const float* parameters[4];
    for (size_t i = 0; i < 4; ++i) parameters[i] = context.inputs[i + 1].as<float>();
    fold_statistics(images.channels, parameters, epsilon_of(context.node),
                    reinterpret_cast<float*>(context.scratch));
  }
  float* y = context.outputs[0].as<float>();
  if (x.layout == Layout::kChannelsLast) {
    scale_pixels(x.as<float>(), folded, images.batch * images.pixels, images.channels, y);
  } else {
    scale_planes(x.as<float>(), folded, images, y);
  }
}

// ---------------------------------------------------------------- InstanceNormalization
OpState plan_instance_norm(PlanContext& context) {
  require_float(context);
  require_channels(context, 1, 2);
  // Sums and sums of squares in double, then what fold_statistics makes of them.
  context.scratch_bytes =
      static_cast<size_t>(context.inputs[0].shape[1]) * (2 * sizeof(double) + 2 * sizeof(float));
  return nullptr;
}

// Of the pixels of one channels-last image; two passes, so that nothing cancels.
void image_statistics(const float* x, const Images& images, double* mean, double* variance) {
  std::fill_n(mean, images.channels, 0.0);
  std::fill_n(variance, images.channels, 0.0);
  const double share = 1.0 / static_cast<double>(std::max<int64_t>(images.pixels, 1));
  for (int64_t i = 0; i < images.pixels; ++i) {
    for (int64_t c = 0; c < images.channels; ++c) mean[c] += x[i * images.channels + c];
  }
  for (int64_t c = 0; c < images.channels; ++c) mean[c] *= share;
  for (int64_t i = 0; i < images.pixels; ++i) {
    for (int64_t c = 0; c < images.channels; ++c) {
      const double distance = x[i * images.channels + c] - mean[c];
      variance[c] += distance * distance;
    }
  }
  for (int64_t c = 0; c < images.channels; ++c) variance[c] *= share;
}

void run_instance_norm(RunContext& context) {
  const Images images = images_of(context.inputs[0].shape);
  const float* scale = context.inputs[1].as<float>();
  const float* bias = context.inputs[2].as<float>();
  const float epsilon = epsilon_of(context.node);
  auto* mean = reinterpret_cast<double*>(context.scratch);
  double* variance = mean + images.channels;
  auto* folded = reinterpret_cast<float*>(variance + images.channels);
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  const int64_t size = images.pixels * images.channels;
  for (int64_t n = 0; n < images.batch; ++n, x += size, y += size) {
    image_statistics(x, images, mean, variance);
    for (int64_t c = 0; c < images.channels; ++c) {
      const double factor = scale[c] / std::sqrt(variance[c] + epsilon);
      folded[c] = static_cast<float>(factor);
      folded[images.channels + c] = static_cast<float>(bias[c] - mean[c] * factor);
    }
    scale_pixels(x, folded, images.pixels, images.channels, y);
  }
}

// ---------------------------------------------------------------- LayerNormalization
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
  infer_same(context);
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
int64_t repeat_length(const PlanContext& context, size_t input, std::span<const int64_t> normalized) {
  if (!context.has_input(input)) return 1;
  const Shape& shape = context.inputs[input].shape;
  const auto first = std::ranges::find_if(shape, [](int64_t dim) { return dim != 1; });
  const std::span<const int64_t> rest(first, shape.end());
  if (rest.size() > normalized.size() ||
      !std::ranges::equal(rest, normalized.last(rest.size()))) {
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
  return std::make_shared<LayerPlan>(
      LayerPlan{element_count(x.first(x.size() - normalized.size())), size,
                repeat_length(context, 1, normalized), repeat_length(context, 2, normalized)});
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
  const float epsilon = epsilon_of(context.node);
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

// ---------------------------------------------------------------- LRN
OpState plan_lrn(PlanContext& context) {
  require_float(context);
  require_channels(context, 0, 0);
  if (context.node.int_attribute("size", 0) < 1) {
    context.fail(ErrorCode::kInvalidAttribute, "size must be 1 or more");
  }
  return nullptr;
}

void run_lrn(RunContext& context) {
  const Images images = images_of(context.inputs[0].shape);
  const int64_t size = context.node.int_attribute("size", 1), channels = images.channels;
  const double alpha = context.node.float_attribute("alpha", 1e-4f) / static_cast<double>(size);
  const double beta = context.node.float_attribute("beta", 0.75f);
  const double bias = context.node.float_attribute("bias", 1.0f);
  const int64_t before = (size - 1) / 2, after = size - 1 - before;
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  for (int64_t i = 0; i < images.batch * images.pixels; ++i, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      double squares = 0;
      const int64_t last = std::min(channels - 1, c + after);
      for (int64_t j = std::max<int64_t>(0, c - before); j <= last; ++j) {
        squares += static_cast<double>(x[j]) * x[j];
      }
      y[c] = static_cast<float>(x[c] / std::pow(bias + alpha * squares, beta));
    }
  }
}

OpDef norm_row(std::string_view op_type, LayoutRule layout, OpState (*plan)(PlanContext&),
               void (*run)(RunContext&)) {
  return {.domain = "",
          .op_type = op_type,
          .inputs = {Role::kActivation, Role::kParameter},
          .layout = layout,
          .infer = infer_same,
          .plan = plan,
          .run = run};
}

}  // namespace

std::vector<OpDef> norm_ops() {
  OpDef batch =
      norm_row("BatchNormalization", LayoutRule::kFollow, plan_batch_norm, run_batch_norm);
  batch.pack = pack_batch_norm;
  OpDef layer = norm_row("LayerNormalization", LayoutRule::kPlain, plan_layer_norm, run_layer_norm);
  layer.infer = infer_layer_norm;
  return {batch,
          norm_row("InstanceNormalization", LayoutRule::kChannelsLast, plan_instance_norm,
                   run_instance_norm),
          layer, norm_row("LRN", LayoutRule::kChannelsLast, plan_lrn, run_lrn)};
}

}  // namespace eightfold
