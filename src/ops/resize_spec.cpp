// Coordinate arithmetic of Resize. See resize_spec.h.
#include "ops/resize_spec.h"

#include <algorithm>
#include <cmath>

#include "ops/strides.h"

namespace eightfold {
namespace {

// Position in the input of output position i, in float32 as ONNX Runtime computes it.
float source(const ResizeSpec& spec, const ResizeAxis& axis, int64_t i) {
  const auto x = static_cast<float>(i);
  if (axis.scale == 1.0f && spec.coordinates != "align_corners") return x;
  if (spec.coordinates == "asymmetric") return x / axis.scale;
  if (spec.coordinates == "align_corners") {
    if (axis.out == 1) return 0;
    return x * static_cast<float>(axis.in - 1) / static_cast<float>(axis.out - 1);
  }
  if (spec.coordinates == "pytorch_half_pixel" && axis.out == 1) return 0;
  if (spec.coordinates == "tf_half_pixel_for_nn") return (x + 0.5f) / axis.scale;
  if (spec.coordinates == "half_pixel_symmetric") {
    const float adjustment =
        static_cast<float>(axis.out) / (axis.scale * static_cast<float>(axis.in));
    const float center = static_cast<float>(axis.in) / 2;
    const float offset = center * (1 - adjustment);
    return offset + (x + 0.5f) / axis.scale - 0.5f;
  }
  return (x + 0.5f) / axis.scale - 0.5f;
}

int64_t nearest(const ResizeSpec& spec, float at) {
  if (spec.nearest == "floor") return static_cast<int64_t>(std::floor(at));
  if (spec.nearest == "ceil") return static_cast<int64_t>(std::ceil(at));
  if (spec.nearest == "round_prefer_ceil") return static_cast<int64_t>(std::floor(at + 0.5f));
  return static_cast<int64_t>(std::ceil(at - 0.5f));  // round_prefer_floor
}

float cubic_weight(float a, float distance) {
  const float d = std::fabs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

}  // namespace

ResizeSpec resize_spec(const Node& node, int64_t opset) {
  ResizeSpec spec;
  const bool old = node.op_type == "Upsample" || opset == 10;  // before the coordinate attributes
  spec.mode = node.string_attribute("mode", "nearest");
  spec.coordinates =
      old ? "asymmetric" : node.string_attribute("coordinate_transformation_mode", "half_pixel");
  spec.nearest = old ? "floor" : node.string_attribute("nearest_mode", "round_prefer_floor");
  spec.cubic_a = node.float_attribute("cubic_coeff_a", -0.75f);
  spec.exclude_outside = node.int_attribute("exclude_outside", 0) != 0;
  const bool known_mode = spec.mode == "nearest" || spec.mode == "linear" ||
                          spec.mode == "bilinear" || spec.mode == "cubic";
  if (!known_mode || spec.coordinates == "tf_crop_and_resize" ||
      node.int_attribute("antialias", 0) != 0) {
    throw Error(ErrorCode::kUnsupportedOp,
                !known_mode ? "mode '" + spec.mode + "'"
                : node.int_attribute("antialias", 0) != 0
                    ? "antialias"
                    : "coordinate_transformation_mode tf_crop_and_resize")
        .at(node.name, node.op_type);
  }
  return spec;
}

std::vector<ResizeAxis> resize_axes(const Node& node, std::span<const int64_t> input,
                                    std::span<const float> scales, std::span<const int64_t> sizes) {
  const auto fail = [&](std::string message) {
    return Error(ErrorCode::kInvalidShape, std::move(message)).at(node.name, node.op_type);
  };
  std::vector<ResizeAxis> axes;
  for (int64_t dim : input) axes.push_back({dim, dim, 1});
  std::vector<int64_t> which = node.ints_attribute("axes");
  if (which.empty()) {
    for (size_t i = 0; i < input.size(); ++i) which.push_back(static_cast<int64_t>(i));
  }
  const size_t given = sizes.empty() ? scales.size() : sizes.size();
  if (given != which.size()) {
    throw fail(std::to_string(given) + " scales or sizes for " + std::to_string(which.size()) +
               " axes");
  }
  // "not_larger" and "not_smaller" give all axes one scale.
  const std::string policy = node.string_attribute("keep_aspect_ratio_policy", "stretch");
  float common = 0;
  for (size_t i = 0; i < which.size(); ++i) {
    const auto normalized = normalized_axis(which[i], input.size());
    if (!normalized) throw fail("axis " + std::to_string(which[i]));
    which[i] = static_cast<int64_t>(*normalized);
    if (sizes.empty() || policy == "stretch" || input[*normalized] == 0) continue;
    const float scale = static_cast<float>(sizes[i]) / static_cast<float>(input[*normalized]);
    if (common == 0)
      common = scale;
    else
      common = policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
  }
  for (size_t i = 0; i < which.size(); ++i) {
    ResizeAxis& axis = axes[static_cast<size_t>(which[i])];
    const auto extent = static_cast<float>(axis.in);
    if (!sizes.empty() && common == 0) {
      axis.out = sizes[i];
      axis.scale = axis.in == 0 ? 1 : static_cast<float>(sizes[i]) / extent;
    } else {
      axis.scale = sizes.empty() ? scales[i] : common;
      const float out = extent * axis.scale;
      if (!(axis.scale > 0) || !(out < 1e9f)) throw fail("scale " + std::to_string(axis.scale));
      axis.out = static_cast<int64_t>(sizes.empty() ? std::floor(out) : std::round(out));
    }
    if (axis.out < 0 || (axis.in == 0 && axis.out > 0)) throw fail("an axis cannot be resized");
  }
  return axes;
}

std::vector<int64_t> nearest_indices(const ResizeSpec& spec, const ResizeAxis& axis) {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < axis.out; ++i) {
    const int64_t at =
        axis.scale == 1.0f && axis.in == axis.out ? i : nearest(spec, source(spec, axis, i));
    indices.push_back(std::clamp<int64_t>(at, 0, axis.in - 1));
  }
  return indices;
}

ResizeTaps linear_taps(const ResizeSpec& spec, const ResizeAxis& axis) {
  ResizeTaps taps{2, {}, {}};
  for (int64_t i = 0; i < axis.out; ++i) {
    const float at = std::clamp(source(spec, axis, i), 0.0f,
                                static_cast<float>(std::max<int64_t>(0, axis.in - 1)));
    const auto low = static_cast<int64_t>(at);
    const float part = at - static_cast<float>(low);
    taps.indices.insert(taps.indices.end(), {low, std::min(low + 1, axis.in - 1)});
    taps.weights.insert(taps.weights.end(), {1 - part, part});
  }
  return taps;
}

ResizeTaps cubic_taps(const ResizeSpec& spec, const ResizeAxis& axis) {
  ResizeTaps taps{4, {}, {}};
  for (int64_t i = 0; i < axis.out; ++i) {
    const float at = source(spec, axis, i);
    const auto low = static_cast<int64_t>(std::floor(at));
    float weights[4], sum = 0;
    for (int64_t t = 0; t < 4; ++t) {
      const int64_t index = low - 1 + t;
      const bool outside = index < 0 || index >= axis.in;
      weights[t] = outside && spec.exclude_outside
                       ? 0
                       : cubic_weight(spec.cubic_a, at - static_cast<float>(index));
      sum += weights[t];
      taps.indices.push_back(std::clamp<int64_t>(index, 0, axis.in - 1));
    }
    for (float weight : weights) {
      taps.weights.push_back(spec.exclude_outside ? weight / sum : weight);
    }
  }
  return taps;
}

}  // namespace eightfold
