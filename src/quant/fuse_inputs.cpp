// See fuse_inputs.h.
#include "quant/fuse_inputs.h"

#include <algorithm>

#include "ops/op.h"
#include "quant/data_inputs.h"

namespace eightfold {
namespace {

constexpr int64_t kFirstWithDefaults = 4;  // IR version

bool is_listed(const Graph& graph, ValueId id) {
  return std::find(graph.inputs.begin(), graph.inputs.end(), id) != graph.inputs.end();
}

bool lists_every_weight(const Graph& graph) {
  if (graph.model().ir_version < kFirstWithDefaults) return true;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    const OpDef* def = find_op(graph, node);
    if (def == nullptr) continue;
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      if (is_brought_along(def->role(i)) && graph.constant(node.input(i)) &&
          !is_listed(graph, node.input(i)))
        return false;
    }
  }
  return true;
}

}  // namespace

void settle_listed_weights(Graph& graph, Remarks* remarks) {
  if (!lists_every_weight(graph)) return;
  const auto listed =
      std::erase_if(graph.inputs, [&](ValueId id) { return graph.constant(id) != nullptr; });
  if (listed == 0) return;
  const bool by_habit = graph.model().ir_version >= kFirstWithDefaults;
  graph.model().ir_version = std::max(graph.model().ir_version, kFirstWithDefaults);
  if (by_habit && remarks != nullptr) {
    remarks->push_back({graph.name, "", "rewritten",
                        "all weights are listed among the graph's inputs; the " +
                            std::to_string(listed) + " listed constants are fixed from here on"});
  }
}

}  // namespace eightfold
