// What a Resize or Upsample node asks for, and how output positions map to the input.
// Source: ONNX Resize, opset 10 to 19; Upsample, opset 7 and 9.
#pragma once

#include <vector>

#include "ops/mapped_copy.h"

namespace eightfold {

struct ResizeAxis {
  int64_t in = 0, out = 0;
  float scale = 1;           // out / in as given; with sizes, out / in
  float start = 0, end = 1;  // of tf_crop_and_resize, in parts of in - 1
  // Whether output position i is input position i.
  bool kept(bool crops) const {
    return in == out && scale == 1.0f && !(crops && (start != 0 || end != 1));
  }
};

struct ResizeSpec {
  std::string mode;         // nearest, linear, cubic
  std::string coordinates;  // half_pixel, asymmetric, ...
  std::string nearest;      // round_prefer_floor, ...
  float cubic_a = -0.75f;
  bool exclude_outside = false;
  bool antialias = false;
  float outside = 0;  // what tf_crop_and_resize gives where it looks beyond the input
  bool crops() const { return coordinates == "tf_crop_and_resize"; }
};
ResizeSpec resize_spec(const Node& node, int64_t opset);

// Extents and scales of every axis from the node's scales or sizes (either may be empty).
// Throws kInvalidShape when neither is given or their count is wrong.
// `roi`: the starts of the axes, then their ends; may be empty.
std::vector<ResizeAxis> resize_axes(const Node& node, std::span<const int64_t> input,
                                    std::span<const float> scales, std::span<const int64_t> sizes,
                                    std::span<const float> roi = {});

// A cubic convolution kernel at a distance; a is its slope at 1.
float cubic_weight(float a, float distance);

// Source index of each output position, for mode nearest; kFill where a crop looks outside.
std::vector<int64_t> nearest_indices(const ResizeSpec& spec, const ResizeAxis& axis);

// y[i] = sum_t weights[i * taps + t] * x[indices[i * taps + t]]; `outside` where the first index is
// kFill
struct ResizeTaps {
  int64_t taps = 1;
  std::vector<int64_t> indices;
  std::vector<float> weights;
};
ResizeTaps filter_taps(const ResizeSpec& spec, const ResizeAxis& axis);

}  // namespace eightfold
