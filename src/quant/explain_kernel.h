// Which kernel a node runs on, by the name of its row in kernels/kernels.inc.
#pragma once

#include <string>

#include "ir/graph.h"

namespace eightfold {

// "" for a node that runs on none of the list.
std::string kernel_of(const Graph& graph, NodeId node);

}  // namespace eightfold
