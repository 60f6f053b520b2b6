// Means of what a layer's weights see: the statistics behind bias correction.
//
// For a convolution or a Gemm with float input x, weight W, and their
// fake-quantized forms x', W', the mean over samples and positions of
//   conv(x, W)[o] - conv(x', W')[o]  =  sum_{c, t} W[o, c, t] m[c, t] - W'[o, c, t] m'[c, t]
// where m[c, t] is the mean of channel c over the inputs that tap t meets (0
// where it meets padding). So no second convolution is run, and the memory is
// one pair of sums per channel and tap however many samples there are.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/qparams.h"
#include "core/tensor.h"
#include "ir/graph.h"

namespace eightfold {

class LayerMeans {
 public:
  // True for nodes whose int8 form is a convolution or a Gemm with untransposed input.
  static bool covers(const Graph& graph, NodeId node);
  LayerMeans(const Graph& graph, NodeId node, QParams input);

  // x as the layer reads it: [N, C, spatial...] in either layout, or [M, K].
  void add(const TensorView& x);
  bool empty() const { return positions_ == 0; }

  // Per output channel the mean error above, times the node's alpha; W as the node holds it.
  std::vector<float> mean_error(std::span<const float> weight,
                                std::span<const float> quantized_weight) const;

  // Of the quantized input that each weight of an output channel meets: its mean, and the variance
  // of its channel. `weights` are the indices of those weights in the node's tensor.
  struct Moments {
    std::vector<size_t> weights;
    std::vector<double> mean, variance;
  };
  Moments moments(int64_t output) const;
  int64_t outputs() const { return weight_shape_[weight_is_transposed_ ? 1 : 0]; }

 private:
  // Where weight [output, channel of its group, tap] meets the sums.
  struct Place {
    size_t weight, sum, channel;
  };
  Place place(int64_t output, int64_t channel, int64_t tap) const;
  void add_image(const TensorView& x);
  void add_rows(const TensorView& x);
  void add_squares();

  const Graph& graph_;
  NodeId node_;
  QParams input_;
  Shape weight_shape_;
  bool is_image_ = true;
  bool weight_is_transposed_ = false;  // Gemm's [K, O]
  int64_t group_ = 1;
  float alpha_ = 1.0f;
  int64_t channels_ = 0;                       // input channels, all groups
  int64_t taps_ = 1;                           // of the kernel
  int64_t positions_ = 0;                      // outputs per channel so far
  int64_t inputs_ = 0;                         // inputs per channel so far
  std::vector<double> sums_, quantized_sums_;  // [taps, channels]
  std::vector<double> squares_;                // of the quantized input, [channels]
  std::vector<float> row_, quantized_row_, tap_sums_, quantized_tap_sums_, square_sums_;
};

}  // namespace eightfold
