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
  if (spec.crops()) {
    const auto last = static_cast<float>(axis.in - 1);
    if (axis.out == 1) return 0.5f * (axis.start + axis.end) * last;
    return axis.start * last +
           x * (axis.end - axis.start) * last / static_cast<float>(axis.out - 1);
  }
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

bool looks_outside(const ResizeSpec& spec, const ResizeAxis& axis, float at) {
  return spec.crops() && !(at >= 0 && at <= static_cast<float>(axis.in - 1));
}

}  // namespace

float cubic_weight(float a, float distance) {
  const float d = std::fabs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

ResizeSpec resize_spec(const Node& node, int64_t opset) {
  ResizeSpec spec;
  const bool old = node.op_type == "Upsample" || opset == 10;  // before the coordinate attributes
  spec.mode = node.string_attribute("mode", "nearest");
  spec.coordinates =
      old ? "asymmetric" : node.string_attribute("coordinate_transformation_mode", "half_pixel");
  spec.nearest = old ? "floor" : node.string_attribute("nearest_mode", "round_prefer_floor");
  spec.cubic_a = node.float_attribute("cubic_coeff_a", -0.75f);
  spec.exclude_outside = node.int_attribute("exclude_outside", 0) != 0;
  spec.antialias = node.int_attribute("antialias", 0) != 0;
  spec.outside = node.float_attribute("extrapolation_value", 0.0f);
  const bool known_mode = spec.mode == "nearest" || spec.mode == "linear" ||
                          spec.mode == "bilinear" || spec.mode == "cubic";
  if (!known_mode) {
    throw Error(ErrorCode::kUnsupportedOp, "mode '" + spec.mode + "'").at(node.name, node.op_type);
  }
  return spec;
}

std::vector<ResizeAxis> resize_axes(const Node& node, std::span<const int64_t> input,
                                    std::span<const float> scales, std::span<const int64_t> sizes,
                                    std::span<const float> roi) {
  const auto fail = [&](std::string_view message) {
    return Error(ErrorCode::kInvalidShape, message).at(node.name, node.op_type);
  };
  std::vector<ResizeAxis> axes;
  for (int64_t dim : input) axes.push_back({dim, dim});
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
    if (roi.size() == 2 * which.size()) {
      axis.start = roi[i];
      axis.end = roi[i + which.size()];
    }
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
    const float at = axis.kept(spec.crops()) ? static_cast<float>(i) : source(spec, axis, i);
    const bool outside = looks_outside(spec, axis, at);
    indices.push_back(outside ? kFill : std::clamp<int64_t>(nearest(spec, at), 0, axis.in - 1));
  }
  return indices;
}

// A filter that shrinks is as much wider with antialias: its argument is scaled.
ResizeTaps filter_taps(const ResizeSpec& spec, const ResizeAxis& axis) {
  const bool cubic = spec.mode == "cubic";
  const float narrow = spec.antialias ? std::min(axis.scale, 1.0f) : 1.0f;
  const auto reach = static_cast<int64_t>(std::ceil((cubic ? 2.0f : 1.0f) / narrow));
  const bool excludes = spec.exclude_outside && (cubic || spec.antialias);
  ResizeTaps taps{2 * reach, {}, {}};
  std::vector<float> weights(static_cast<size_t>(taps.taps));
  for (int64_t i = 0; i < axis.out; ++i) {
    float at = source(spec, axis, i);
    const bool outside = looks_outside(spec, axis, at);
    if (outside || (!cubic && !spec.antialias)) {
      at = at > 0 ? std::min(at, static_cast<float>(axis.in - 1)) : 0.0f;
    }
    const int64_t low = static_cast<int64_t>(std::floor(at)) - reach + 1;
    float sum = 0;
    for (int64_t t = 0; t < taps.taps; ++t) {
      const int64_t index = low + t;
      const float distance = narrow * (at - static_cast<float>(index));
      float weight =
          cubic ? cubic_weight(spec.cubic_a, distance) : std::max(0.0f, 1 - std::fabs(distance));
      if (excludes && (index < 0 || index >= axis.in)) weight = 0;
      sum += weights[static_cast<size_t>(t)] = weight;
      taps.indices.push_back(outside ? kFill : std::clamp<int64_t>(index, 0, axis.in - 1));
    }
    const bool normalizes = excludes || spec.antialias;
    for (float weight : weights) taps.weights.push_back(normalizes ? weight / sum : weight);
  }
  return taps;
}

}  // namespace eightfold
