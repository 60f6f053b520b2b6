// The int8 operator of a group: its operand list by kind, its domain, its clamp.
#pragma once

#include <string>

#include "quant/lower_group.h"

namespace eightfold {

// Replaces the group's nodes by one int8 node (and a Clip on integers where the clamp binds and the
// op has no twin that clamps). False, with the reason in `why`, leaves the graph as it is.
bool emit_group(Graph& graph, const Group& group, std::string* why);

// y = clamp(x) between a DQ and a Q: a Clip on integers, after a requantization where the
// parameters differ, or nothing at all. `nodes` are those it stands for, the Q node last.
bool emit_requantize(Graph& graph, const Operand& x, const Operand& y, Clamp clamp,
                     const std::vector<NodeId>& nodes, std::string* why);

}  // namespace eightfold
