// Folding an affine map of the output channels into a layer's weight and bias.
//
//   scale[m] * layer(x)[m] + shift[m]  =  layer'(x)[m]
//   W'[m] = scale[m] W[m],   b'[m] = scale[m] b[m] + shift[m]       in double, stored as float32
// For Conv, ConvTranspose (output channel = group * M / groups + row of axis 1) and Gemm.
// Source: the definition of BatchNormalization; spec-facts 4.1.
#pragma once

#include <vector>

#include "quant/fusers/fuser.h"

namespace eightfold {

struct ScaleShift {
  std::vector<double> scale, shift;  // one per output channel
};

// Whether the layer's weight and bias are constants that can be folded into.
Verdict can_fold_into(const Graph& graph, NodeId layer);
// Output channels of a layer that can be folded into.
int64_t output_channels(const Graph& graph, NodeId layer);

// Gives the layer a weight and a bias of its own: those it had may be used elsewhere.
void fold_scale_shift(Graph& graph, NodeId layer, const ScaleShift& map);

// A constant as one number per channel: `channel_axis` is counted from the end of the shape
// it is broadcast with, of rank `rank`. Empty where it varies along another axis.
std::vector<double> per_channel_constant(const Tensor& constant, int64_t channels,
                                         int64_t channel_axis_from_end, int64_t rank);

}  // namespace eightfold
