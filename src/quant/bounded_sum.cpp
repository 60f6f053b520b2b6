// See bounded_sum.h.
#include "quant/bounded_sum.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace eightfold {
namespace {

constexpr float kStep = 1.01f;  // of a scale that is enlarged
constexpr size_t kBlock = 8;    // lanes repeat after this many k
// The group of each k of a block.
constexpr std::array<size_t, kBlock> kPairs{0, 0, 1, 1, 2, 2, 3, 3};
constexpr std::array<size_t, kBlock> kQuads{0, 0, 1, 1, 0, 0, 1, 1};

// The weights of one output channel in the kernels' order of k.
std::vector<float> channel_of(const Tensor& weight, int axis, int64_t channel) {
  const Shape& shape = weight.shape();
  const std::span<const float> data = weight.data<float>();
  std::vector<float> out;
  if (shape.size() == 2) {
    const int64_t k = shape[axis == 0 ? 1 : 0], n = shape[1];
    for (int64_t i = 0; i < k; ++i) {
      out.push_back(data[static_cast<size_t>(axis == 0 ? channel * n + i : i * n + channel)]);
    }
    return out;
  }
  const int64_t inputs = shape[1], taps = element_count(std::span(shape).subspan(2));
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t input = 0; input < inputs; ++input) {
      out.push_back(data[static_cast<size_t>((channel * inputs + input) * taps + tap)]);
    }
  }
  return out;
}

bool has_sums(const Tensor& weight, int axis) {
  if (weight.dtype() != DType::kFloat32 || axis < 0) return false;
  if (weight.rank() == 2) return true;
  return weight.rank() > 2 && axis == 0 && weight.shape()[1] > 1;
}

bool channel_keeps(std::span<const float> weights, float scale, int32_t zero_point, QRange range,
                   BoundedSum bound) {
  const auto& group_of = bound.group == 4 ? kQuads : kPairs;
  for (size_t first = 0; first < weights.size(); first += kBlock) {
    std::array<int64_t, kBlock / 2> above{}, below{};
    for (size_t i = 0; i < kBlock && first + i < weights.size(); ++i) {
      const int64_t q = quantize(weights[first + i], scale, zero_point, range) - zero_point;
      (q > 0 ? above : below)[group_of[i]] += q;
    }
    const bool fits = std::ranges::all_of(above, [&](int64_t sum) { return sum <= bound.limit; }) &&
                      std::ranges::all_of(below, [&](int64_t sum) { return sum >= -bound.limit; });
    if (!fits) return false;
  }
  return true;
}

size_t scale_index(const QParams& qparams, int64_t channel) {
  return qparams.per_channel() ? static_cast<size_t>(channel) : 0;
}

template <typename Visit>
void each_channel(const Tensor& weight, int axis, Visit&& visit) {
  if (!has_sums(weight, axis)) return;
  for (int64_t c = 0; c < weight.shape()[static_cast<size_t>(axis)]; ++c) {
    visit(c, channel_of(weight, axis, c));
  }
}

}  // namespace

bool keeps_bounded_sum(const Tensor& weight, const QParams& qparams, int axis, BoundedSum bound) {
  const QRange range{qparams.quant_min, qparams.quant_max};
  bool keeps = true;
  each_channel(weight, axis, [&](int64_t c, const std::vector<float>& weights) {
    const size_t i = scale_index(qparams, c);
    keeps = keeps && channel_keeps(weights, qparams.scale[i], qparams.zero_point[i], range, bound);
  });
  return keeps;
}

int enlarge_scales_for_sums(const Tensor& weight, QParams& qparams, int axis, BoundedSum bound) {
  const QRange range{qparams.quant_min, qparams.quant_max};
  const std::vector<float> before = qparams.scale;
  each_channel(weight, axis, [&](int64_t c, const std::vector<float>& weights) {
    const size_t i = scale_index(qparams, c);
    // Ends: at a large enough scale every weight is 0.
    while (!channel_keeps(weights, qparams.scale[i], qparams.zero_point[i], range, bound)) {
      qparams.scale[i] *= kStep;
    }
  });
  int changed = 0;
  for (size_t i = 0; i < before.size(); ++i) changed += before[i] != qparams.scale[i] ? 1 : 0;
  return changed;
}

}  // namespace eightfold
