// See composite.h.
#include "quant/cleanup/composite.h"

#include <algorithm>

#include "ops/composed.h"

namespace eightfold {

void become(Graph& graph, NodeId anchor, std::string_view op_type, std::vector<ValueId> inputs,
            std::vector<Attribute> attributes) {
  Node& node = graph.node(anchor);
  node.op_type = std::string(op_type);
  node.domain = graph.opset() >= composed_since(op_type) ? "" : std::string(kEightfoldDomain);
  node.attributes = std::move(attributes);
  graph.set_inputs(anchor, std::move(inputs));
}

int at_each_end(Graph& graph, bool (*find)(Graph&, NodeId)) {
  int found = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (size_t i = nodes.size(); i-- > 0;) {
    if (!find(graph, nodes[i])) continue;
    ++found;
    graph.remove_dead_nodes();
  }
  return found;
}

bool makes_floats(const Graph& graph, NodeId id, std::initializer_list<std::string_view> ops) {
  if (!graph.alive(id)) return false;
  const Node& node = graph.node(id);
  return node.domain.empty() && std::ranges::find(ops, node.op_type) != ops.end() &&
         node.output(0) != kNone && graph.value(node.output(0)).type.dtype == DType::kFloat32;
}

}  // namespace eightfold
