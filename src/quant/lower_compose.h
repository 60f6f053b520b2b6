// What a file holds as several float nodes of one QDQ group, as the one node that has an int8 form;
// the other way round: unfold_composed.h. See lower_foreign.h for the list.
#pragma once

#include "ir/graph.h"

namespace eightfold {

// Looks at the node as the last one of such a group; leaves the graph as it is when it is none.
void compose_group(Graph& graph, NodeId id);

}  // namespace eightfold
