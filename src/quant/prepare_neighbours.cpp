// See prepare_neighbours.h: one walk over the graph, backwards.
#include "quant/prepare_neighbours.h"

#include <algorithm>

#include "ops/op.h"
#include "quant/prepare_refusals.h"

namespace eightfold {

Neighbours::Neighbours(const Graph& graph, const PatternTable& patterns)
    : graph_(graph),
      weighted_(static_cast<size_t>(graph.node_slots())),
      leads_(static_cast<size_t>(graph.node_slots())),
      feeds_floats_(static_cast<size_t>(graph.node_slots())) {
  // Layers, and what leads to one by way of integers.
  std::vector<bool> carries(leads_.size());
  const auto nodes = graph.nodes();
  for (size_t i = nodes.size(); i-- > 0;) {
    const NodeId id = nodes[i];
    const OpDef* def = find_op(graph, graph.node(id));
    const bool is_known = def != nullptr && patterns.single(id) != nullptr;
    const auto index = static_cast<size_t>(id);
    weighted_[index] = is_known && constant_weight_input(graph, id, *def) >= 0;
    const auto carries_on = [&](const Use& use) { return carries[static_cast<size_t>(use.node)]; };
    for (ValueId output : graph.node(id).outputs()) {
      if (output == kNone) continue;
      leads_[index] = leads_[index] || std::ranges::any_of(graph.value(output).uses(), carries_on);
    }
    const auto outputs = graph.node(id).outputs();
    feeds_floats_[index] = std::ranges::all_of(outputs, [&](ValueId output) {
      if (output == kNone) return true;
      const auto uses = graph.value(output).uses();
      return !uses.empty() && !graph.is_output(output) &&
             std::ranges::all_of(uses, [&](const Use& use) {
               const BackendPatternConfig* reader = patterns.single(use.node);
               return reader == nullptr || (reader->effective_observation_type() ==
                                                ObservationType::kOutputShareObserverWithInput &&
                                            feeds_floats(use.node));
             });
    });
    carries[index] = is_known && (def->macs != nullptr || leads_[index]);
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
