// InstanceNormalization: statistics of the pixels of each image and channel, in double.
//   y = (x - mean) / sqrt(variance + epsilon) * scale + bias
#include "ops/norm.h"

#include <algorithm>
#include <cmath>

namespace eightfold {
namespace {

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
  const float epsilon = norm_epsilon(context.node);
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

}  // namespace

OpDef instance_norm_row() {
  return norm_row("InstanceNormalization", LayoutRule::kChannelsLast, plan_instance_norm,
                  run_instance_norm);
}

}  // namespace eightfold
