// Greedy choice of the weights to round the other way (see bias_correction_rounding.h).
#include "quant/bias_correction_rounding.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "core/heap_sort.h"
#include "quant/convert_weights.h"

namespace eightfold {
namespace {

// One output channel in units of the grid's step, which is the same for all of its weights.
struct Channel {
  const LayerMeans::Moments& moments;
  std::vector<double> error;  // rounded - exact, within +-0.5 unless clamped

  double mean_error() const {
    return std::inner_product(error.begin(), error.end(), moments.mean.begin(), 0.0);
  }
  // What rounding i the other way adds to the variance term, >= 0 for nearest rounding.
  double cost(size_t i) const { return (1.0 - 2.0 * std::fabs(error[i])) * moments.variance[i]; }
  double direction(size_t i) const { return error[i] > 0 ? -1.0 : 1.0; }
};

// In order of what a unit of mean costs; clamped weights and weights that meet zeros are left out.
std::vector<size_t> candidates(const Channel& channel) {
  std::vector<size_t> order;
  for (size_t i = 0; i < channel.error.size(); ++i) {
    const double size = std::fabs(channel.error[i]);
    if (size > 0 && size <= 0.5 && channel.moments.mean[i] != 0) order.push_back(i);
  }
  const auto price = [&](size_t i) { return channel.cost(i) / std::fabs(channel.moments.mean[i]); };
  heap_sort(order,
            [&](size_t a, size_t b) { return std::pair(price(a), a) < std::pair(price(b), b); });
  return order;
}

// Steps (-1, 0, +1) to add to each weight of the channel.
std::vector<int> steps_of(const Channel& channel) {
  std::vector<int> steps(channel.error.size(), 0);
  double left = channel.mean_error();
  for (size_t i : candidates(channel)) {
    const double moved = left + channel.direction(i) * channel.moments.mean[i];
    if (moved * moved + channel.cost(i) >= left * left) continue;
    steps[i] = static_cast<int>(channel.direction(i));
    left = moved;
  }
  return steps;
}

}  // namespace

Tensor round_keeping_mean(const Tensor& weight, const QParams& qparams, const LayerMeans& means) {
  const std::vector<float> nearest = fake_quantize_weight(weight, qparams);
  const std::span<const float> exact = weight.data<float>();
  const QRange range{qparams.quant_min, qparams.quant_max};
  Tensor rounded = Tensor::of<float>(weight.shape(), nearest);
  const std::span<float> out = rounded.mutable_data<float>();
  for (int64_t o = 0; o < means.outputs(); ++o) {
    const auto c = static_cast<size_t>(qparams.per_channel() ? o : 0);
    const float step = qparams.scale[c];
    const LayerMeans::Moments moments = means.moments(o);
    Channel channel{moments, {}};
    for (size_t i : moments.weights) {
      channel.error.push_back(static_cast<double>(nearest[i] - exact[i]) /
                              static_cast<double>(step));
    }
    const std::vector<int> steps = steps_of(channel);
    for (size_t i = 0; i < steps.size(); ++i) {
      const size_t w = moments.weights[i];
      // Through the quantizer once more: the end of the range holds.
      const float target = nearest[w] + static_cast<float>(steps[i]) * step;
      out[w] = fake_quantize(target, step, qparams.zero_point[c], range);
    }
  }
  return rounded;
}

}  // namespace eightfold
