// LRN, across channels:
//   y[c] = x[c] / (bias + alpha / size * sum of x[j]^2)^beta    j in [c - (size-1)/2, c + size/2]
#include "ops/norm.h"

#include <algorithm>
#include <cmath>

namespace eightfold {
namespace {

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

}  // namespace

OpDef lrn_row() { return norm_row("LRN", LayoutRule::kChannelsLast, plan_lrn, run_lrn); }

}  // namespace eightfold
