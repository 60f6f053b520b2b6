// The matcher: finds patterns in a graph and returns plain data.
//
// Semantics of spec-facts 1.9, in ONNX terms. Anchor = the pattern's head, any number of users; the
// value of every inner node is used inside the match alone, unless the pattern declares it. Two
// nodes of a pattern are two nodes of the graph. Nodes are visited in reverse topological order,
// patterns in precedence order; the first success claims its nodes. Inputs that are constants
// belonging to a weighted op (weight, bias, BN parameters) are not positional args of a pattern: a
// pattern's args are matched against the data inputs.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "pattern/pattern.h"

namespace eightfold {

// One node of a match; its tree has the shape of the pattern as written, but for optional nodes
// that are missing.
struct MatchedNode {
  NodeId node = kNone;     // kNone for a constant, a graph input or a missing producer
  ValueId value = kNone;   // the value that was matched (output of node, or the constant)
  bool match_all = false;  // matched by MatchAllNode: not claimed
  std::string name;        // of the pattern's node; "" when it has none
  std::vector<MatchedNode> args;
};

struct Match {
  int pattern = -1;  // index into the list that was searched
  NodeId anchor = kNone;
  MatchedNode tree;
  std::vector<MatchedNode> also;  // further outputs of a general subgraph pattern
  std::vector<NodeId> claimed;    // all nodes of the trees but those under MatchAllNode
};

// The part of a match that the pattern names; null when there is none.
const MatchedNode* find_named(const Match& match, std::string_view name);

// "Conv" in the ONNX domain, "domain:op_type" elsewhere.
std::string op_identity(const Node& node);

// A pattern that came close: for reports ("why was this not fused").
struct NearMiss {
  int pattern = -1;
  NodeId node = kNone;  // where it was tried
  std::string reason;
  std::vector<NodeId> nodes = {};  // all that took part
};

struct MatchOptions {
  // Data inputs of a node, in order; default: inputs that are not constants, or all of
  // them where the pattern's args name a constant.
  std::function<std::vector<ValueId>(const Graph&, NodeId)> data_inputs;
  // The last word on a match whose operators fit: false gives its nodes to the next pattern. A
  // reason makes it a near miss, none means that the pattern was not meant for this place.
  std::function<bool(const Match&, std::string* why_not)> accept;
  std::vector<NearMiss>* near_misses = nullptr;
};

// Tries one pattern at one node, `accept` included. On failure `why_not` holds a sentence if
// the operators are those of the pattern and only a condition fails, else nothing; `match` is
// filled then as well.
bool match_at(const Graph& graph, NodeId node, const Pattern& pattern, Match* match,
              std::string* why_not, const MatchOptions& options = {});

// Stable order of precedence: tuples by leaf count, largest first, then single ops.
std::vector<int> precedence(std::span<const Pattern> patterns);

std::vector<Match> find_matches(const Graph& graph, std::span<const Pattern> patterns,
                                const MatchOptions& options = {});

}  // namespace eightfold
