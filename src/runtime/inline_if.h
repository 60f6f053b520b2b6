// An If whose condition is constant gives way to the branch that it always takes.
#pragma once

#include "ir/graph.h"

namespace eightfold {

// The nodes of the branch take the If's place and name its outputs; nodes whose condition the
// caller may replace stay. Returns how many went; Ifs inside of inlined branches are left for the
// next call. Part of fold_constants.
int inline_constant_if(Graph& graph);

}  // namespace eightfold
