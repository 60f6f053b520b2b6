// Activations as part of the layer before them: the attributes of the eightfold domain
// (ops/activation_attribute.h).
#pragma once

#include <vector>

#include "quant/fusers/fuser.h"

namespace eightfold {

// Whether `activation` (Relu, or Clip with constant bounds) can be carried by `layer`.
Verdict can_fuse_activation(const Graph& graph, NodeId layer, NodeId activation);
void fuse_activation(Graph& graph, NodeId layer, NodeId activation);

// The slopes of a PRelu behind a convolution [O, C, spatial...], one per channel; empty where they
// are not constant, not finite or not of channels.
std::vector<float> slopes_of(const Graph& graph, NodeId prelu, const Tensor* weight);
// LeakyRelu, Tanh or, with slopes, PRelu.
void fuse_function(Graph& graph, NodeId layer, NodeId function, const Tensor* weight);

}  // namespace eightfold
