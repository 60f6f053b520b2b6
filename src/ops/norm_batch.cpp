// BatchNormalization. For inference the statistics are given, so it is one step per channel:
//   y = (x - mean) / sqrt(variance + epsilon) * scale + bias = x * factor + offset
// With training_mode (opset 14) they are those of the batch, and the running ones are outputs.
// Source: ONNX BatchNormalization, all versions; the training of older ones is refused.
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

bool is_training(const Node& node) { return node.int_attribute("training_mode", 0) != 0; }

void infer_batch_norm(InferContext& context) {
  infer_norm(context);
  if (!is_training(context.node)) return;
  for (size_t i = 1; i < 3; ++i) context.set_output(i, context.dtype(i + 2), context.dims(i + 2));
}

OpState pack_batch_norm(const PackContext& context) {
  if (is_training(context.node)) return nullptr;
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
  const bool statistics = std::ranges::any_of(context.outputs.subspan(1), &TensorInfo::present);
  if ((statistics && !is_training(context.node)) || context.node.int_attribute("spatial", 1) == 0) {
    context.fail(ErrorCode::kUnsupportedOp,
                 "BatchNormalization runs for inference and per channel only",
                 "export the model in evaluation mode");
  }
  if (!context.packed) {
    context.scratch_bytes = 2 * static_cast<size_t>(context.inputs[0].shape[1]) * sizeof(float);
  }
  return nullptr;
}

// Training: the statistics of this batch, and the running ones moved towards them.
//   running = running * momentum + batch * (1 - momentum)
void batch_statistics(const RunContext& context, const Images& images, float* folded) {
  const TensorView& x = context.inputs[0];
  const bool last = x.layout == Layout::kChannelsLast;
  const int64_t pixel = last ? images.channels : 1, plane = last ? 1 : images.pixels;
  const double share =
      1.0 / static_cast<double>(std::max<int64_t>(images.batch * images.pixels, 1));
  const float momentum = context.node.float_attribute("momentum", 0.9f);
  const auto sum = [&](int64_t c, double mean, auto f) {
    double total = 0;
    for (int64_t n = 0; n < images.batch; ++n) {
      const float* from = x.as<float>() + n * images.channels * images.pixels + c * plane;
      for (int64_t p = 0; p < images.pixels; ++p) total += f(from[p * pixel] - mean);
    }
    return total * share;
  };
  const auto move = [&](size_t output, int64_t c, double batch) {
    if (!context.has_output(output)) return;
    const float running = context.inputs[output + 2].as<float>()[c];
    context.outputs[output].as<float>()[c] =
        running * momentum + static_cast<float>(batch) * (1 - momentum);
  };
  for (int64_t c = 0; c < images.channels; ++c) {
    const double mean = sum(c, 0.0, [](double v) { return v; });
    const double variance = sum(c, mean, [](double v) { return v * v; });
    const double factor =
        context.inputs[1].as<float>()[c] / std::sqrt(variance + norm_epsilon(context.node));
    folded[c] = static_cast<float>(factor);
    folded[images.channels + c] =
        static_cast<float>(context.inputs[2].as<float>()[c] - mean * factor);
    move(1, c, mean);
    move(2, c, variance);
  }
}

void run_batch_norm(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const Images images = images_of(x.shape);
  const float* folded = reinterpret_cast<const float*>(context.scratch);
  if (is_training(context.node)) {
    batch_statistics(context, images, reinterpret_cast<float*>(context.scratch));
  } else if (context.packed) {
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
  row.infer = infer_batch_norm;
  row.pack = pack_batch_norm;
  row.quantized = {QuantizedOperands::kUnary, kEightfoldDomain, "QLinearBatchNormalization"};
  return row;
}

}  // namespace eightfold
