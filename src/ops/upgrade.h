// Raises the ai.onnx opset of a model by a table of per-operator steps.
//
// Needed before per-axis quantization parameters (opset 13) enter an older model. A step rewrites
// one node from the form of version N-1 to that of N; an operator without a step at N kept its
// meaning there. Bodies of If, Loop and Scan are upgraded with their model, and the IR version
// rises with the opset (weights are then no longer listed among the graph's inputs).
// Source: the version histories of the ONNX operator specification.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

inline constexpr int64_t kNewestUpgrade = 25;

// Returns the graph itself when it is at `target` or above. `notes` receives one sentence per
// rewritten node. Throws kUnsupportedModel, naming the node, where a form cannot be expressed.
Graph upgrade_opset(const Graph& graph, int64_t target, std::vector<std::string>* notes = nullptr);

}  // namespace eightfold
