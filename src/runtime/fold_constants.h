// Replaces nodes whose inputs are all constant by their values.
#pragma once

#include "ir/graph.h"

namespace eightfold {

struct FoldOptions {
  int64_t limit_bytes = int64_t{16} << 20;  // nodes with a larger output are left as they are
  bool keeps_pairs = false;  // QuantizeLinear and DequantizeLinear stay, and so do their integers
};

// Nodes with bodies, without an implementation, or with a graph output are left.
Graph fold_constants(const Graph& graph, const FoldOptions& options = {});

}  // namespace eightfold
