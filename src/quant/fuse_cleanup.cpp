// See fuse_cleanup.h. Source: ONNX Identity and Dropout, opset 1 to 22.
#include "quant/fuse_cleanup.h"

#include <algorithm>
#include <vector>

#include "ir/constant.h"

namespace eightfold {
namespace {

bool is_dropout_at_inference(const Graph& graph, const Node& node) {
  if (!node.is("Dropout")) return false;
  if (const ValueId mask = node.output(1);
      mask != kNone && (!graph.value(mask).uses().empty() || graph.is_output(mask))) {
    return false;
  }
  if (graph.opset() < 7) return node.int_attribute("is_test", 0) != 0;
  if (node.input(2) == kNone) return true;
  const Tensor* training = fixed_constant(graph, node.input(2));
  return training != nullptr && training->dtype() == DType::kBool && training->size() == 1 &&
         !training->data<bool>()[0];
}

// Bodies know a captured value by its name.
bool is_captured(const Graph& graph, ValueId id) {
  const auto uses = graph.value(id).uses();
  return std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
    return use.index >= static_cast<int32_t>(graph.node(use.node).inputs().size());
  });
}

bool remove_before_output(Graph& graph, NodeId id, ValueId in, ValueId out) {
  const NodeId producer = graph.value(in).producer();
  if (producer == kNone || graph.is_output(in) || is_captured(graph, in)) return false;
  const auto made = graph.node(producer).outputs();
  const auto index = static_cast<size_t>(std::find(made.begin(), made.end(), in) - made.begin());
  graph.erase_node(id);
  graph.replace_uses(in, out);
  graph.set_output(producer, index, out);
  return true;
}

bool remove(Graph& graph, NodeId id) {
  const ValueId in = graph.node(id).input(0), out = graph.node(id).output(0);
  if (in == kNone || out == kNone || is_captured(graph, out)) return false;
  if (graph.is_output(out)) return remove_before_output(graph, id, in, out);
  graph.replace_uses(out, in);
  graph.erase_node(id);
  return true;
}

}  // namespace

int remove_pass_throughs(Graph& graph) {
  int removed = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const Node& node = graph.node(id);
    if (!node.is("Identity") && !is_dropout_at_inference(graph, node)) continue;
    removed += remove(graph, id) ? 1 : 0;
  }
  return removed;
}

}  // namespace eightfold
