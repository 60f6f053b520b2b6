// One node in the place of a match: the general fuser, for caller's functions and for patterns that
// only name their fused module.
#pragma once

#include <vector>

#include "quant/fusing.h"

namespace eightfold {

// The fused node has the root's name, attributes and inputs, then the extra inputs behind all that
// the root's operator declares; it makes what the match made: the anchor's outputs, then the other
// values that are used outside. Returns it.
NodeId fuse_match(Graph& graph, const Match& match, NodeId root,
                  const std::vector<ValueId>& extra_inputs, const FusedNode& fused);

// What the fused node would read though the match makes it, and takes it away; kNone when there is
// no such value.
ValueId absorbed_input(const Graph& graph, const Match& match, NodeId root,
                       const std::vector<ValueId>& extra_inputs, const FusedNode& fused);

}  // namespace eightfold
