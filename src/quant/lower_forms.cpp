// Replaces groups by int8 nodes (see lower_forms.h).
#include "quant/lower_forms.h"

#include "quant/lower_inputs.h"

namespace eightfold {
namespace {

void set_integer_type(Graph& graph, const Operand& operand) {
  graph.value(operand.data).type.dtype = operand.dtype;
}

// The float node's attributes without what the operand list or the clamp now says.
Node int8_node(const Graph& graph, const Group& group) {
  const Node& source = graph.node(group.node);
  const QuantizedForm form = group.def->form(source);
  Node node;
  node.name = source.name;
  node.doc_string = source.doc_string;
  node.op_type = source.op_type;
  node.domain = source.domain;
  for (const Attribute& attribute : source.attributes) {
    const bool is_gone = (attribute.name.starts_with("activation") && !group.keeps_activation) ||
                         (form.operands == QuantizedOperands::kGemm &&
                          (attribute.name == "alpha" || attribute.name == "beta"));
    if (!is_gone) node.attributes.push_back(attribute);
  }
  if (form.operands == QuantizedOperands::kDirect) {
    if (node.domain == kEightfoldDomain)
      node.domain = plain_domain(graph, node.op_type).value_or("");
    return node;
  }
  node.op_type = form.op_type;
  node.domain = group.keeps_activation ? kEightfoldDomain
                                       : plain_domain(graph, node.op_type).value_or(form.domain);
  return node;
}

}  // namespace

bool emit_group(Graph& graph, const Group& group, std::string* why) {
  auto inputs = int8_inputs(graph, group, why);
  if (!inputs) return false;
  Node node = int8_node(graph, group);
  const bool is_direct =
      group.def->form(graph.node(group.node)).operands == QuantizedOperands::kDirect;

  const IntegerClamp clamp = integer_clamp(graph, group.clamp, group.output());
  const bool has_twin = !is_direct && find_op(kEightfoldDomain, node.op_type, 0);
  if (clamp.binds && has_twin) {
    node.domain = std::string(kEightfoldDomain);
    node.set_attribute(std::string(kClampMin), clamp.lo);
    node.set_attribute(std::string(kClampMax), clamp.hi);
  }
  std::vector<ValueId> outputs;
  for (const auto& operand : group.outputs) {
    outputs.push_back(operand ? operand->data : kNone);
    if (operand) set_integer_type(graph, *operand);
  }
  for (NodeId id : group.tail) graph.erase_node(id);
  const bool clip_after = clamp.binds && !has_twin;
  const ValueId final_output = outputs[0];
  if (clip_after) {
    outputs[0] = graph.add_value(graph.unique_name(graph.value(final_output).name + "_unclamped"),
                                 graph.value(final_output).type);
  }
  const NodeId lowered =
      graph.insert_before(group.node, std::move(node), std::move(*inputs), std::move(outputs));
  graph.erase_node(group.node);
  if (clip_after) {
    add_integer_clip(graph, lowered, graph.node(lowered).output(0), final_output, clamp.lo,
                     clamp.hi);
  }
  return true;
}

bool emit_requantize(Graph& graph, const Operand& x, const Operand& y, Clamp clamp,
                     const std::vector<NodeId>& nodes, std::string* why) {
  const IntegerClamp bounds = integer_clamp(graph, clamp, y);
  const bool rescale = !same_params(graph, x, y);
  if (!x.per_tensor() || x.dtype != y.dtype) {
    *why = "input and output are quantized to different types";
    return false;
  }
  if (!rescale && !bounds.binds && graph.is_output(y.data)) {
    *why = "it only passes an input through to an output of the model";
    return false;
  }
  const std::string name = graph.node(nodes.front()).name;
  set_integer_type(graph, x);
  set_integer_type(graph, y);
  NodeId after = x.node;
  for (NodeId id : nodes) graph.erase_node(id);
  ValueId current = x.data;
  if (rescale) {
    // A leaky Relu of slope 1 is the identity: a table from one scale to another.
    Node table;
    table.name = name;
    table.domain = std::string(kMicrosoftDomain);
    table.op_type = "QLinearLeakyRelu";
    table.set_attribute("alpha", 1.0f);
    const ValueId scaled =
        bounds.binds ? graph.add_value(graph.unique_name(graph.value(y.data).name + "_unclamped"),
                                       graph.value(y.data).type)
                     : y.data;
    after = graph.insert_after(after, std::move(table),
                               {x.data, x.scale, x.zero_point, y.scale, y.zero_point}, {scaled});
    current = scaled;
  }
  if (bounds.binds) {
    const NodeId clip = add_integer_clip(graph, after, current, y.data, bounds.lo, bounds.hi);
    if (!rescale) graph.node(clip).name = name;
  } else if (!rescale) {
    graph.replace_uses(y.data, x.data);
  }
  return true;
}

}  // namespace eightfold
