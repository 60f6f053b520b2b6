// Replaces nodes whose inputs are all constant by their values.
#pragma once

#include "ir/graph.h"

namespace eightfold {

struct FoldOptions {
  int64_t limit_bytes = int64_t{16} << 20;  // nodes with a larger output are left as they are
  bool keeps_pairs = false;  // QuantizeLinear and DequantizeLinear stay, and so do their integers
};

// An If with a constant condition becomes its branch. Other nodes with bodies, those without an
// implementation, with a graph output, or with a result that is no tensor are left.
Graph fold_constants(const Graph& graph, const FoldOptions& options = {});

}  // namespace eightfold
