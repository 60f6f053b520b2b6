// The general subgraph pattern: named nodes and edges, of which both tuple formats are special
// cases.
//
//   nodes    relu: Relu(add), add: Add|Sum(conv, skip), conv: Conv, skip: anything
//   outputs  relu (the anchor), then further nodes whose values are used outside
// An input is the name of a node, or "name:1" for its second output.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pattern/pattern.h"

namespace eightfold {

struct PatternNode {
  // Its kind, ops, flags and conditions; `args` and `name` are not read.
  Pattern node;
  std::vector<std::string> inputs;  // none: unconstrained
  bool operator==(const PatternNode&) const = default;
};

struct PatternGraph {
  std::vector<std::pair<std::string, PatternNode>> nodes;
  std::vector<std::string> outputs;
  bool operator==(const PatternGraph&) const = default;
};

// Throws kInvalidConfig on a cycle, a name that is missing or given twice, a node that no output
// reaches, an output that is not joined to the others, an anchor that is no operator.
Pattern from_graph(const PatternGraph& graph);

// The names of all nodes of a pattern, in the order in which a match binds them.
std::vector<std::string> node_names(const Pattern& pattern);

}  // namespace eightfold
