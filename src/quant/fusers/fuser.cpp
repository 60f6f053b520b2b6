// Parts of matches that several fusers take apart.
#include "quant/fusers/fuser.h"

namespace eightfold {

std::vector<NodeId> chain_of(const Match& match) {
  std::vector<NodeId> chain;
  for (const MatchedNode* at = &match.tree;; at = &at->args[0]) {
    chain.push_back(at->node);
    if (at->args.empty()) return chain;
  }
}

SideBySide side_by_side(const Match& match) {
  const MatchedNode& first = match.tree.args[0];
  const MatchedNode& second = match.tree.args[1];
  return first.match_all ? SideBySide{second.node, first.value}
                         : SideBySide{first.node, second.value};
}

void replace_producer(Graph& graph, NodeId node, NodeId by) {
  const ValueId made = graph.node(node).output(0);
  graph.erase_node(node);
  graph.set_output(by, 0, made);
}

}  // namespace eightfold
