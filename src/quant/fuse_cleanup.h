// Takes out nodes that hand their input on unchanged, so that patterns see through them.
#pragma once

#include "ir/graph.h"

namespace eightfold {

// Identity, and Dropout as inference runs it. A node between a graph input or constant and a
// graph output stays, for both names belong to the caller. Returns how many went.
int remove_pass_throughs(Graph& graph);

}  // namespace eightfold
