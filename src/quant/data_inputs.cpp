// See data_inputs.h.
#include "quant/data_inputs.h"

namespace eightfold {

bool is_brought_along(Role role) {
  return role == Role::kWeight || role == Role::kBias || role == Role::kParameter;
}

std::vector<ValueId> data_inputs(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const OpDef* def = find_op(graph, node);
  std::vector<ValueId> data;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const ValueId input = node.input(i);
    if (input == kNone) continue;
    const Role role = def != nullptr ? def->role(i) : Role::kActivation;
    const bool constant = graph.constant(input) != nullptr;
    if (role == Role::kActivation || (is_brought_along(role) && !constant)) data.push_back(input);
  }
  return data;
}

}  // namespace eightfold
