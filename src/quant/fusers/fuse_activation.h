// Relu and Clip as part of the layer before them: the attributes of the eightfold domain.
//
//   activation = "Relu" | "Clip",  activation_min, activation_max
#pragma once

#include "quant/fusers/fuser.h"

namespace eightfold {

// Whether `activation` (Relu, or Clip with constant bounds) can be carried by `layer`.
Verdict can_fuse_activation(const Graph& graph, NodeId layer, NodeId activation);
void fuse_activation(Graph& graph, NodeId layer, NodeId activation);

}  // namespace eightfold
