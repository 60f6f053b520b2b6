// What a Resize or Upsample node asks for, and how output positions map to the input.
// Source: ONNX Resize, opset 10 to 19; Upsample, opset 7 and 9.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

struct ResizeAxis {
  int64_t in = 0, out = 0;
  float scale = 1;  // out / in as given; with sizes, out / in
};

struct ResizeSpec {
  std::string mode;         // nearest, linear, cubic
  std::string coordinates;  // half_pixel, asymmetric, ...
  std::string nearest;      // round_prefer_floor, ...
  float cubic_a = -0.75f;
  bool exclude_outside = false;
};
ResizeSpec resize_spec(const Node& node, int64_t opset);

// Extents and scales of every axis from the node's scales or sizes (either may be empty).
// Throws kInvalidShape when neither is given or their count is wrong.
std::vector<ResizeAxis> resize_axes(const Node& node, std::span<const int64_t> input,
                                    std::span<const float> scales, std::span<const int64_t> sizes);

// Source index of each output position, for mode nearest.
std::vector<int64_t> nearest_indices(const ResizeSpec& spec, const ResizeAxis& axis);

// y[i] = sum_t weights[i * taps + t] * x[indices[i * taps + t]]
struct ResizeTaps {
  int64_t taps = 1;
  std::vector<int64_t> indices;
  std::vector<float> weights;
};
ResizeTaps linear_taps(const ResizeSpec& spec, const ResizeAxis& axis);
ResizeTaps cubic_taps(const ResizeSpec& spec, const ResizeAxis& axis);

}  // namespace eightfold
