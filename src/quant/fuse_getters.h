// Root node getters and extra inputs getters by name (spec-facts 1.4, 1.9).
//
//   root node    "" or "last": the last element of the tree, recursively; "first"; "anchor";
//                "innermost": the last element that the match claims; the name of a node of a
//                pattern graph
//   extra inputs "": none; "match_all": what MatchAllNode took, in order; the name of a node
#pragma once

#include <string>
#include <vector>

#include "pattern/match.h"

namespace eightfold {

// Null when the getter is not known for this match.
const MatchedNode* root_node_of(const Match& match, const std::string& getter);
// False when the getter is not known for this match.
bool extra_inputs_of(const Match& match, const std::string& getter,
                     std::vector<const MatchedNode*>* inputs);
// Whether a pattern has a getter of this name, for checks before any match.
bool is_root_node_getter(const Pattern& pattern, const std::string& getter);
bool is_extra_inputs_getter(const Pattern& pattern, const std::string& getter);

// All nodes of the match's trees in the order of a walk: a node, then its args.
std::vector<const MatchedNode*> match_nodes(const Match& match);

}  // namespace eightfold
