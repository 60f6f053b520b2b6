// Which inputs of a node are data to a pattern or an observer: by the roles of its OpDef row.
#pragma once

#include <vector>

#include "ir/graph.h"
#include "ops/op.h"

namespace eightfold {

// Activations, constant ones too; weights, biases and parameters only where they are computed.
std::vector<ValueId> data_inputs(const Graph& graph, NodeId node);

// What an op brings along rather than computes on: its weight, bias and parameters.
bool is_brought_along(Role role);

}  // namespace eightfold
