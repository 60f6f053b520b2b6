// Chains of nodes that move or view data: the last of them alone does it.
//
//   Transpose(Transpose(x, p), q) = Transpose(x, p[q])       Reshape(view(x), s) = Reshape(x, s)
//   view(view(x)) of x's own shape = x                       view: Reshape, Flatten, Squeeze,
//   Unsqueeze
#include <algorithm>

#include "quant/cleanup/passes.h"
#include "quant/cleanup/walk.h"

namespace eightfold {
namespace {

bool is_view(const Node* node) {
  return node != nullptr && (node->is("Reshape") || node->is("Flatten") || node->is("Squeeze") ||
                             node->is("Unsqueeze"));
}

bool merge_transpose(Graph& graph, NodeId id) {
  Node& outer = graph.node(id);
  const Node* inner = outer.is("Transpose") ? made_by(graph, outer.input(0), "Transpose") : nullptr;
  if (inner == nullptr) return false;
  const auto second = outer.ints_attribute("perm"), first = inner->ints_attribute("perm");
  if (first.empty() || first.size() != second.size()) return false;
  std::vector<int64_t> both;
  for (int64_t axis : second) both.push_back(first[static_cast<size_t>(axis)]);
  outer.set_attribute("perm", std::move(both));
  graph.set_input(id, 0, inner->input(0));
  return true;
}

// The target of a Reshape without zeros, which stand for dims of the input it would no longer have.
std::optional<std::vector<int64_t>> explicit_target(const Graph& graph, const Node& reshape) {
  auto target = constant_ints(graph, reshape.input(1));
  const auto& dims = graph.value(reshape.input(0)).type.dims;
  if (!target || reshape.int_attribute("allowzero", 0) != 0) return std::nullopt;
  for (size_t i = 0; i < target->size(); ++i) {
    if ((*target)[i] != 0) continue;
    if (!dims || i >= dims->size() || !(*dims)[i].known()) return std::nullopt;
    (*target)[i] = (*dims)[i].value;
    if ((*target)[i] == 0) return std::nullopt;
  }
  return target;
}

bool merge_view(Graph& graph, NodeId id) {
  const Node& outer = graph.node(id);
  const Node* inner = is_view(&outer) ? graph.producer(outer.input(0)) : nullptr;
  if (!is_view(inner)) return false;
  const ValueId x = inner->input(0);
  if (!graph.is_output(outer.output(0)) && same_shape(graph, x, outer.output(0))) {
    return bypass(graph, id, x);
  }
  if (!outer.is("Reshape") || outer.input(1) == kNone) return false;
  auto target = explicit_target(graph, outer);
  if (!target) return false;
  const auto count = static_cast<int64_t>(target->size());
  const std::string name = graph.unique_name(graph.value(outer.input(1)).name + "_explicit");
  if (*target != *constant_ints(graph, outer.input(1))) {
    graph.set_input(id, 1, graph.add_initializer(name, Tensor::of<int64_t>({count}, *target)));
  }
  graph.set_input(id, 0, x);
  return true;
}

int at_each_node(Graph& graph, bool (*merge)(Graph&, NodeId)) {
  int merged = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) merged += merge(graph, id) ? 1 : 0;
  return merged;
}

}  // namespace

int merge_transposes(Graph& graph) { return at_each_node(graph, merge_transpose); }
int merge_views(Graph& graph) { return at_each_node(graph, merge_view); }

}  // namespace eightfold
