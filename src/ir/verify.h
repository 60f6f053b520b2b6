// Invariants of a graph, and what each stage may contain.
#pragma once

#include "ir/graph.h"

namespace eightfold {

// Throws kInvalidGraph naming the node: links are mutual, every input is an
// input, constant, captured or produced earlier, names are unique, outputs
// exist; and the stage's table holds (which domains and ops may occur).
void verify(const Graph& graph);

}  // namespace eightfold
