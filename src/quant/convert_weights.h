// Weights and biases as integers.
//
//   qw = clamp(round(w / s_w))         round half to even, the weight's range
//   qb = round(b / (s_x * s_w))        int32, the product taken in float32
//
// The guard: |b / (s_x s_w)| plus what the products can add must fit int32, so
// channels with a tiny weight scale and a large bias get a larger weight scale.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/qparams.h"
#include "ir/graph.h"
#include "ops/op.h"

namespace eightfold {

// Visits the elements of `shape` as (flat index, index along axis); axis -1 gives 0.
struct ChannelWalk {
  int64_t outer = 1, channels = 1, inner = 1;
  ChannelWalk(std::span<const int64_t> shape, int axis);
  template <typename F>
  void each(F&& visit) const {
    for (int64_t o = 0, flat = 0; o < outer; ++o) {
      for (int64_t c = 0; c < channels; ++c) {
        for (int64_t i = 0; i < inner; ++i, ++flat) visit(flat, c);
      }
    }
  }
};

Tensor quantize_weight(const Tensor& weight, const QParams& qparams);
// dequantize(quantize(w)) as floats, in the weight's own order.
std::vector<float> fake_quantize_weight(const Tensor& weight, const QParams& qparams);

// What a node with an int8 weight is made of.
struct WeightedNode {
  const OpDef* def = nullptr;
  size_t weight_input = 1;
  std::optional<size_t> bias_input;  // none when the op has no bias role
  int axis = 0;                      // output channels of the weight
  int64_t channels = 0;
};
// nullopt when the node has no constant float weight of known channel axis.
std::optional<WeightedNode> weighted_node(const Graph& graph, NodeId node);

// The bias as one value per output channel: zeros where there is none (or beta is 0); nullopt when
// it is not constant or not a vector over the channels.
std::optional<std::vector<float>> bias_vector(const Graph& graph, NodeId node,
                                              const WeightedNode& weighted);

// float32(s_x) * float32(s_w), one per channel or one for all, as the weight's scales are.
std::vector<float> bias_scales(float input_scale, const QParams& weight);
Tensor quantize_bias(std::span<const float> bias, std::span<const float> scales);

// Enlarges weight scales until every bias fits; returns how many scales changed.
int enlarge_scales_for_bias(QParams& weight, std::span<const float> bias, float input_scale,
                            int64_t weights_per_channel);

// Gemm's alpha and beta multiplied into weight and bias; the node's copies become 1.
// Returns false when they already are 1.
bool fold_gemm_factors(Graph& graph, NodeId node);

}  // namespace eightfold
