// Constants first, then packing. See prepared_graph.h.
#include "runtime/prepared_graph.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ops/evaluate.h"
#include "runtime/byte_ranges.h"

namespace eightfold {
namespace {

bool has_body(const Node& node) {
  return std::ranges::any_of(node.attributes, [](const Attribute& attribute) {
    return std::holds_alternative<Attribute::GraphPtr>(attribute.value);
  });
}

// Bytes borrowed from a model file may be unaligned and end where the file ends.
Tensor owned(const Tensor& tensor) {
  if (!tensor.buffer() || tensor.buffer()->owned()) return tensor;
  Tensor copy = tensor;
  copy.mutable_raw();
  return copy;
}

class Preparation {
 public:
  explicit Preparation(PreparedGraph& prepared) : prepared_(prepared) {}

  void visit(NodeId id) {
    const Node& node = prepared_.graph.node(id);
    PreparedNode& state = prepared_.nodes[static_cast<size_t>(id)];
    state.op = find_op(prepared_.graph, node);
    if (!state.op) return;
    if (fold(*state.op, node)) {
      state.constant = true;
    } else {
      pack(state, node);
      ranges_.visit(*state.op, node);
    }
  }

 private:
  bool fold(const OpDef& op, const Node& node) {
    if (!op.run || has_body(node) || !node.captures().empty()) return false;
    std::vector<Operand> operands;
    for (ValueId input : node.inputs()) {
      const Tensor* constant = input == kNone ? nullptr : prepared_.constant(input);
      if (input != kNone && !constant) return false;
      operands.push_back(constant ? Operand::of(owned(*constant)) : Operand{});
    }
    const NodeRun run{op, node, prepared_.graph.opset(node.domain)};
    const std::vector<Operand> outputs = evaluate(run, operands);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (node.output(i) == kNone) continue;
      prepared_.constants[node.output(i)] = with_layout(outputs[i], Layout::kPlain).tensor;
    }
    return true;
  }

  void pack(PreparedNode& state, const Node& node) {
    if (!state.op->pack) return;
    std::vector<Tensor> tensors;  // kept for the call alone
    std::vector<ValueType> types;
    for (ValueId input : node.inputs()) {
      const Tensor* constant = input == kNone ? nullptr : prepared_.constant(input);
      tensors.push_back(constant ? owned(*constant) : Tensor{});
      types.push_back(input == kNone ? ValueType{} : prepared_.graph.value(input).type);
      if (constant) types.back() = {constant->dtype(), to_dims(constant->shape()), {}};
    }
    std::vector<const Tensor*> constants;
    for (const Tensor& tensor : tensors) constants.push_back(tensor.defined() ? &tensor : nullptr);
    const int64_t opset = prepared_.graph.opset(node.domain);
    const std::vector<ByteRange> ranges = ranges_.of_inputs(node);
    state.packed = pack_node(*state.op, node, opset, constants, types, ranges);
    if (!state.packed) return;
    for (const Tensor& tensor : tensors) {
      prepared_.packed_bytes += static_cast<int64_t>(tensor.size_bytes());
    }
  }

  PreparedGraph& prepared_;
  ByteRanges ranges_{prepared_};
};

// Whether every use of a constant is as a weight that its node has packed.
bool only_packed(const PreparedGraph& prepared, ValueId id) {
  const auto uses = prepared.graph.value(id).uses();
  if (uses.empty() || prepared.graph.is_output(id)) return false;
  return std::ranges::all_of(uses, [&](const Use& use) {
    const PreparedNode& user = prepared.nodes[static_cast<size_t>(use.node)];
    return user.packed && user.op->role(static_cast<size_t>(use.index)) == Role::kWeight;
  });
}

}  // namespace

PreparedGraph::PreparedGraph(Graph source) : graph(std::move(source)) {
  infer_types(graph);
  nodes.resize(static_cast<size_t>(graph.node_slots()));
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    if (const Tensor* tensor = graph.constant(id)) constants.emplace(id, *tensor);
  }
  Preparation preparation(*this);
  for (NodeId id : graph.nodes()) preparation.visit(id);
  for (auto& [id, tensor] : constants) {
    if (!only_packed(*this, id)) tensor = owned(tensor);
  }
}

const Tensor* PreparedGraph::constant(ValueId id) const {
  const auto found = constants.find(id);
  return found == constants.end() ? nullptr : &found->second;
}

}  // namespace eightfold
