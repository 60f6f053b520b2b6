// See convert_interface.h.
#include "quant/convert_interface.h"

#include <algorithm>
#include <vector>

#include "quant/lower_operands.h"

namespace eightfold {
namespace {

// QuantizeLinear nodes that read the value, through a Clip to their range or not.
std::vector<NodeId> quantizes_of(const Graph& graph, ValueId value, ValueId scale) {
  std::vector<NodeId> found;
  for (const Use& use : graph.value(value).uses()) {
    const Node& user = graph.node(use.node);
    if (is_quantize(user) && user.input(1) == scale) found.push_back(use.node);
    if (!user.is("Clip") || use.index != 0) continue;
    for (const Use& next : graph.value(user.output(0)).uses()) {
      const Node& after = graph.node(next.node);
      if (is_quantize(after) && after.input(1) == scale) found.push_back(next.node);
    }
  }
  return found;
}

}  // namespace

void quantize_input(Graph& graph, ValueId input, const BorderParams& params) {
  const std::string name = graph.value(input).name;
  const ValueType type = graph.value(input).type;
  graph.rename_value(input, graph.unique_name(name + "_float"));
  const ValueId integers = graph.add_value(name, {params.dtype, type.dims, {}});
  for (NodeId quantize : quantizes_of(graph, input, params.values.scale)) {
    const ValueId q = graph.node(quantize).output(0);
    graph.erase_node(quantize);
    graph.replace_uses(q, integers);
  }
  // What is left reads floats: a Clip without readers goes with the dead nodes.
  graph.remove_dead_nodes();
  if (!graph.value(input).uses().empty() || graph.is_output(input)) {
    add_dequantize(graph, {}, integers, params.values, -1, input, name);
  }
  std::replace(graph.inputs.begin(), graph.inputs.end(), input, integers);
}

void quantize_output(Graph& graph, size_t index, const BorderParams& params) {
  const ValueId output = graph.outputs[index];
  const std::string name = graph.value(output).name;
  const NodeId producer = graph.value(output).producer();
  ValueId integers = kNone;
  if (producer != kNone && is_dequantize(graph.node(producer))) {
    integers = graph.node(producer).input(0);
  } else {
    integers = add_quantize(graph, {.after = producer}, output, params.values, params.dtype, name);
  }
  graph.rename_value(output, graph.unique_name(name + "_float"));
  if (std::find(graph.inputs.begin(), graph.inputs.end(), integers) == graph.inputs.end()) {
    graph.rename_value(integers, name);
  }
  graph.outputs[index] = integers;
  graph.remove_dead_nodes();
}

void connect_quantized(Graph& graph, NodeId id) {
  for (size_t i = 0; i < graph.node(id).inputs().size(); ++i) {
    const ValueId input = graph.node(id).input(i);
    const Node* producer = input == kNone ? nullptr : graph.producer(input);
    if (producer != nullptr && is_dequantize(*producer)) graph.set_input(id, i, producer->input(0));
  }
  graph.remove_dead_nodes();
}

}  // namespace eightfold
