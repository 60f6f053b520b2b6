// BatchNormalization folded into the layer before it.
#pragma once

#include "quant/fusers/fold_scale_shift.h"

namespace eightfold {

// Whether `norm` is one line per channel: constants of `channels` numbers, and not in training.
Verdict can_take_norm(const Graph& graph, NodeId norm, int64_t channels);
// scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale.
ScaleShift affine_map(const Graph& graph, const Node& norm, int64_t channels);

// Whether `norm` is an affine map of constants that `layer` can take in.
Verdict can_fold_norm(const Graph& graph, NodeId norm, NodeId layer);
// Takes `norm` out; the layer makes its value.
void fold_norm(Graph& graph, NodeId norm, NodeId layer);

}  // namespace eightfold
