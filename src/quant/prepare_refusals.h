// Reasons to leave a node float that lie in the node itself: its bodies, dtypes, weights, form.
#pragma once

#include <string>

#include "ir/graph.h"
#include "ops/op.h"

namespace eightfold {

// Index of the constant weight among the node's inputs; -1 when it has none.
int constant_weight_input(const Graph& graph, NodeId node, const OpDef& def);

// Empty when nothing speaks against integers; else a sentence.
std::string why_float(const Graph& graph, NodeId node, const OpDef* def);

}  // namespace eightfold
