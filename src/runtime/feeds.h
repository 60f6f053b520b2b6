// Feeds against the graph's inputs: names, dtypes, ranks and fixed dims.
#pragma once

#include <vector>

#include "runtime/session.h"

namespace eightfold {

// The tensors in the order of graph.required_inputs(), each with an aligned, padded buffer.
// Throws kInvalidInput saying what was expected and what was given.
std::vector<Tensor> ordered_feeds(const Graph& graph, const Feeds& feeds);

}  // namespace eightfold
