// Which values a pass may take for constants.
//
// From IR version 4 on, an initializer that is also listed among the graph inputs is a
// default that a caller may override, so nothing may be folded into it. Older files list
// every weight as an input because the format asked for it: there it is a constant.
#pragma once

#include "ir/graph.h"

namespace eightfold {

// A constant that the caller of the model can replace at every run.
bool is_overridable(const Graph& graph, ValueId id);

// The tensor of a value that never changes; null for anything else, kNone included.
const Tensor* fixed_constant(const Graph& graph, ValueId id);

}  // namespace eightfold
