// BatchNormalization folded into the layer before it.
#pragma once

#include "quant/fusers/fuser.h"

namespace eightfold {

// Whether `norm` is an affine map of constants that `layer` can take in.
Verdict can_fold_norm(const Graph& graph, NodeId norm, NodeId layer);
// Takes `norm` out; the layer makes its value.
void fold_norm(Graph& graph, NodeId norm, NodeId layer);

}  // namespace eightfold
