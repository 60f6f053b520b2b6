// BatchNormalization for inference: statistics are given, so it is one step per channel.
//   y = (x - mean) / sqrt(variance + epsilon) * scale + bias = x * factor + offset
// Source: ONNX BatchNormalization, all versions; training is refused.
#include "ops/norm.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>
#include <vector>

namespace eightfold {
namespace {

// y = x * factor[c] + offset[c]: factors, then offsets.
void fold_statistics(int64_t channels, const float* const parameters[4], float epsilon,
                     float* out) {
  const auto [scale, bias, mean, variance] =
      std::tuple(parameters[0], parameters[1], parameters[2], parameters[3]);
  for (int64_t c = 0; c < channels; ++c) {
    const double factor = scale[c] / std::sqrt(static_cast<double>(variance[c]) + epsilon);
    out[c] = static_cast<float>(factor);
    out[channels + c] = static_cast<float>(bias[c] - mean[c] * factor);
  }
}

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
  fold_statistics(scale->size(), parameters, norm_epsilon(context.node), folded->data());
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
    fold_statistics(images.channels, parameters, norm_epsilon(context.node),
                    reinterpret_cast<float*>(context.scratch));
  }
  float* y = context.outputs[0].as<float>();
  if (x.layout == Layout::kChannelsLast) {
    scale_pixels(x.as<float>(), folded, images.batch * images.pixels, images.channels, y);
  } else {
    scale_planes(x.as<float>(), folded, images, y);
  }
}

}  // namespace

OpDef batch_norm_row() {
  OpDef row = norm_row("BatchNormalization", LayoutRule::kFollow, plan_batch_norm, run_batch_norm);
  row.pack = pack_batch_norm;
  row.quantized = {QuantizedOperands::kUnary, kEightfoldDomain, "QLinearBatchNormalization"};
  return row;
}

}  // namespace eightfold
