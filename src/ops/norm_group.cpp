// GroupNormalization: statistics of the channels of a group over all pixels of an image, in double.
//   y = (x - mean) / sqrt(variance + epsilon) * scale + bias
// scale and bias hold one number per channel (from opset 21) or per group (18).
#include <algorithm>
#include <cmath>
#include <string>

#include "ops/norm.h"

namespace eightfold {
namespace {

OpState plan_group_norm(PlanContext& context) {
  require_float(context);
  require_channels(context, 0, 0);
  const int64_t channels = context.inputs[0].shape[1];
  const int64_t groups = context.node.int_attribute("num_groups", 0);
  if (groups < 1 || channels % groups != 0) {
    context.fail(ErrorCode::kInvalidAttribute,
                 std::to_string(channels) + " channels in " + std::to_string(groups) + " groups");
  }
  if (!context.has_input(1) || element_count(context.inputs[1].shape) != groups) {
    require_channels(context, 1, 2);
  } else if (!context.has_input(2) || element_count(context.inputs[2].shape) != groups) {
    context.fail(ErrorCode::kInvalidShape, "scale and bias differ in size");
  }
  context.scratch_bytes = 2 * static_cast<size_t>(channels) * sizeof(float);
  return nullptr;
}

// One group of an image: `runs` stretches of `length` floats, `step` apart.
struct Stretches {
  int64_t runs, length, step;
};
template <class F>
double sum_of(const float* x, const Stretches& group, F f) {
  double sum = 0;
  for (int64_t r = 0; r < group.runs; ++r, x += group.step) {
    for (int64_t i = 0; i < group.length; ++i) sum += f(static_cast<double>(x[i]));
  }
  return sum;
}

void run_group_norm(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const Images images = images_of(x.shape);
  const int64_t groups = context.node.int_attribute("num_groups", 1);
  const int64_t width = images.channels / groups;
  const bool last = x.layout == Layout::kChannelsLast;
  const Stretches group = last ? Stretches{images.pixels, width, images.channels}
                               : Stretches{1, width * images.pixels, 0};
  const double share = 1.0 / static_cast<double>(std::max<int64_t>(width * images.pixels, 1));
  const float* scale = context.inputs[1].as<float>();
  const float* bias = context.inputs[2].as<float>();
  const bool per_group = context.inputs[1].size() == groups;
  const float epsilon = norm_epsilon(context.node);
  auto* folded = reinterpret_cast<float*>(context.scratch);
  const int64_t size = images.channels * images.pixels;
  for (int64_t n = 0; n < images.batch; ++n) {
    const float* image = x.as<float>() + n * size;
    for (int64_t g = 0; g < groups; ++g) {
      const float* from = image + g * (last ? width : width * images.pixels);
      const double mean = sum_of(from, group, [](double v) { return v; }) * share;
      const double variance =
          sum_of(from, group, [mean](double v) { return (v - mean) * (v - mean); }) * share;
      const double inverse = 1.0 / std::sqrt(variance + epsilon);
      for (int64_t c = g * width; c < (g + 1) * width; ++c) {
        const int64_t parameter = per_group ? g : c;
        const double factor = scale[parameter] * inverse;
        folded[c] = static_cast<float>(factor);
        folded[images.channels + c] = static_cast<float>(bias[parameter] - mean * factor);
      }
    }
    float* y = context.outputs[0].as<float>() + n * size;
    if (last) {
      scale_pixels(image, folded, images.pixels, images.channels, y);
    } else {
      scale_planes(image, folded, {1, images.channels, images.pixels}, y);
    }
  }
}

}  // namespace

OpDef group_norm_row() {
  return norm_row("GroupNormalization", LayoutRule::kFollow, plan_group_norm, run_group_norm);
}

}  // namespace eightfold
