// See fuse_module.h. Source: fuse of PyTorch FX (spec-facts 1.10), with several outputs.
#include "quant/fuse_module.h"

#include <algorithm>

#include "ops/op.h"
#include "quant/identity.h"

namespace eightfold {
namespace {

bool is_claimed(const Match& match, NodeId id) {
  return std::find(match.claimed.begin(), match.claimed.end(), id) != match.claimed.end();
}

bool is_used_outside(const Graph& graph, const Match& match, ValueId value) {
  const auto uses = graph.value(value).uses();
  return graph.is_output(value) || std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
           return !is_claimed(match, use.node);
         });
}

// The anchor's outputs in their places, then the rest in the order of the match.
std::vector<ValueId> outputs_of(const Graph& graph, const Match& match) {
  const auto of_anchor = graph.node(match.anchor).outputs();
  std::vector<ValueId> outputs(of_anchor.begin(), of_anchor.end());
  const auto add = [&](NodeId id) {
    for (ValueId value : graph.node(id).outputs()) {
      const bool known = std::find(outputs.begin(), outputs.end(), value) != outputs.end();
      if (value != kNone && !known && is_used_outside(graph, match, value)) {
        outputs.push_back(value);
      }
    }
  };
  for (const MatchedNode& other : match.also) add(other.node);
  for (NodeId id : match.claimed) add(id);
  return outputs;
}

std::vector<ValueId> inputs_of(const Graph& graph, const Node& root,
                               const std::vector<ValueId>& extra_inputs) {
  std::vector<ValueId> inputs(root.inputs().begin(), root.inputs().end());
  if (extra_inputs.empty()) return inputs;
  const OpDef* def = find_op(graph, root);
  if (def != nullptr && inputs.size() < def->inputs.size())
    inputs.resize(def->inputs.size(), kNone);
  inputs.insert(inputs.end(), extra_inputs.begin(), extra_inputs.end());
  return inputs;
}

// JavaScript has one kind of number: what was a float before stays one.
decltype(Attribute::value) in_kind_of(const Attribute* before, const Attribute& attribute) {
  const auto* whole = std::get_if<int64_t>(&attribute.value);
  const bool was_float = before != nullptr && std::holds_alternative<float>(before->value);
  if (whole != nullptr && was_float) return static_cast<float>(*whole);
  return attribute.value;
}

}  // namespace

ValueId absorbed_input(const Graph& graph, const Match& match, NodeId root,
                       const std::vector<ValueId>& extra_inputs, const FusedNode& fused) {
  const std::vector<ValueId> inputs = inputs_of(graph, graph.node(root), extra_inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == kNone || fused.initializers.contains(static_cast<int>(i))) continue;
    const NodeId producer = graph.value(inputs[i]).producer();
    if (producer != kNone && is_claimed(match, producer)) return inputs[i];
  }
  return kNone;
}

NodeId fuse_match(Graph& graph, const Match& match, NodeId root,
                  const std::vector<ValueId>& extra_inputs, const FusedNode& fused) {
  Node node;
  const Node& kept = graph.node(root);
  node.name = kept.name;
  node.domain = kept.domain;
  node.op_type = kept.op_type;
  node.attributes = kept.attributes;
  node.doc_string = kept.doc_string;
  std::vector<ValueId> inputs = inputs_of(graph, kept, extra_inputs);
  std::vector<ValueId> outputs = outputs_of(graph, match);

  if (!fused.op.empty()) set_identity(node, fused.op);
  for (const std::string& name : fused.removed_attributes) node.remove_attribute(name);
  for (const Attribute& attribute : fused.attributes) {
    node.set_attribute(attribute.name, in_kind_of(node.find_attribute(attribute.name), attribute));
  }
  for (const auto& [index, tensor] : fused.initializers) {
    const auto at = static_cast<size_t>(index);
    const bool replaces = at < inputs.size() && inputs[at] != kNone;
    const std::string base = replaces ? graph.value(inputs[at]).name + "_fused"
                                      : node.name + "_" + std::to_string(index);
    if (at >= inputs.size()) inputs.resize(at + 1, kNone);
    inputs[at] = graph.add_initializer(graph.unique_name(base), tensor);
  }

  const NodeId place = match.anchor;
  std::vector<NodeId> gone = match.claimed;
  for (NodeId id : gone) {
    if (id != place) graph.erase_node(id);
  }
  // The anchor lets go of its outputs before another node makes them.
  const NodeId after = [&] {
    const auto order = graph.nodes();
    const auto at = std::find(order.begin(), order.end(), place);
    return at + 1 == order.end() ? kNone : *(at + 1);
  }();
  graph.erase_node(place);
  const NodeId made =
      after == kNone
          ? graph.add_node(std::move(node), std::move(inputs), std::move(outputs))
          : graph.insert_before(after, std::move(node), std::move(inputs), std::move(outputs));
  return made;
}

}  // namespace eightfold
