// See prepare_neighbours.h: one walk over the graph, backwards.
#include "quant/prepare_neighbours.h"

#include <algorithm>

#include "ops/op.h"
#include "quant/prepare_refusals.h"

namespace eightfold {

Neighbours::Neighbours(const Graph& graph, const PatternTable& patterns)
    : graph_(graph),
      weighted_(static_cast<size_t>(graph.node_slots())),
      reaches_(static_cast<size_t>(graph.node_slots())) {
  const auto nodes = graph.nodes();
  for (size_t i = nodes.size(); i-- > 0;) {
    const NodeId id = nodes[i];
    const OpDef* def = find_op(graph, graph.node(id));
    weighted_[static_cast<size_t>(id)] = def != nullptr &&
                                         constant_weight_input(graph, id, *def) >= 0 &&
                                         patterns.single(id) != nullptr;
    for (ValueId output : graph.node(id).outputs()) {
      if (output == kNone) continue;
      for (const Use& use : graph.value(output).uses()) {
        if (is_weighted(use.node) || reaches_weighted(use.node)) {
          reaches_[static_cast<size_t>(id)] = true;
        }
      }
    }
  }
}

bool Neighbours::feeds_weighted(ValueId value) const {
  const auto uses = graph_.value(value).uses();
  return std::any_of(uses.begin(), uses.end(),
                     [&](const Use& use) { return use.index == 0 && is_weighted(use.node); });
}

float Neighbours::negative_gain(ValueId value) const {
  const auto uses = graph_.value(value).uses();
  if (uses.empty() || graph_.is_output(value)) return 1;
  float gain = 0;
  for (const Use& use : uses) {
    const Node& user = graph_.node(use.node);
    const OpDef* def = find_op(graph_, user);
    gain = std::max(gain, def && def->negative_gain ? def->negative_gain(user) : 1.0f);
  }
  return std::clamp(gain, 0.01f, 1.0f);
}

}  // namespace eightfold
