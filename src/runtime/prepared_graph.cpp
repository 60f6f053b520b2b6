// Constants first, then packing. See prepared_graph.h.
#include "runtime/prepared_graph.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "ops/byte_ranges.h"
#include "ops/evaluate.h"
#include "ops/split_fused.h"
#include "runtime/plan.h"

namespace eightfold {
namespace {

// Bytes borrowed from a model file may be unaligned and end where the file ends.
Tensor owned(const Tensor& tensor) {
  if (!tensor.buffer() || tensor.buffer()->owned()) return tensor;
  Tensor copy = tensor;
  copy.mutable_raw();
  return copy;
}

// Whether every use of a constant is as a weight that its node has packed, or in bodies.
bool only_packed(const PreparedGraph& prepared, ValueId id) {
  const auto uses = prepared.graph.value(id).uses();
  if (uses.empty() || prepared.graph.is_output(id)) return false;
  return std::ranges::all_of(uses, [&](const Use& use) {
    const PreparedNode& user = prepared.nodes[static_cast<size_t>(use.node)];
    const auto inputs = static_cast<int32_t>(prepared.graph.node(use.node).inputs().size());
    if (use.index >= inputs) return true;  // captured: the body has it as its own
    return user.packed && user.op->role(static_cast<size_t>(use.index)) == Role::kWeight;
  });
}

class Preparation {
 public:
  Preparation(PreparedGraph& prepared, std::span<const ValueId> read)
      : prepared_(prepared), kept_(read.begin(), read.end()) {}

  void visit(NodeId id) {
    const Node& node = prepared_.graph.node(id);
    PreparedNode& state = prepared_.nodes[static_cast<size_t>(id)];
    state.op = find_op(prepared_.graph, node);
    if (!state.op) return;
    for (const Attribute& attribute : node.attributes) {
      const auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value);
      if (body && state.op->run) state.bodies.push_back(prepare_body(node, attribute.name, **body));
    }
    if (fold(*state.op, node)) {
      state.constant = true;
    } else {
      pack(state, node);
      ranges_.visit(*state.op, node);
    }
  }

 private:
  // Constants around the body become its own, so that it folds and packs them.
  PreparedBody prepare_body(const Node& node, const std::string& attribute, Graph body) {
    for (ValueId input : body.inputs) body.value(input).initializer.reset();  // the node gives it
    for (ValueId id = 0; id < body.value_count(); ++id) {
      Value& value = body.value(id);
      if (!value.captured) continue;
      const ValueId outside = prepared_.graph.find_value(value.name);
      const Tensor* constant = outside == kNone ? nullptr : prepared_.constant(outside);
      if (outside != kNone) value.type = prepared_.graph.value(outside).type;
      if (!constant) continue;
      value.initializer = *constant;
      value.captured = false;
    }
    PreparedBody result{attribute, nullptr, body.inputs.size(), {}};
    auto prepared = std::make_shared<const PreparedGraph>(std::move(body));
    for (size_t i = result.inputs; i < prepared->feeds.size(); ++i) {
      const std::string& name = prepared->graph.value(prepared->feeds[i]).name;
      const auto captures = node.captures();
      const auto found = std::ranges::find(captures, prepared_.graph.find_value(name));
      if (found == captures.end()) {
        throw Error(ErrorCode::kInvalidGraph,
                    "a body uses '" + name + "', which the node does not capture")
            .at(node.name, node.op_type);
      }
      result.captures.push_back(static_cast<size_t>(found - captures.begin()));
    }
    prepared_.packed_bytes += prepared->packed_bytes;
    result.graph = std::move(prepared);
    return result;
  }

  bool fold(const OpDef& op, const Node& node) {
    if (!op.run || node.has_bodies()) return false;
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
    if (lacks_constants(*state.op, node, constants)) return;
    const int64_t opset = prepared_.graph.opset(node.domain);
    const std::vector<ByteRange> ranges = ranges_.of_inputs(node);
    state.packed = pack_node(*state.op, node, opset, constants, types, ranges);
    if (!state.packed) return;
    for (const Tensor& tensor : tensors) {
      prepared_.packed_bytes += static_cast<int64_t>(tensor.size_bytes());
    }
    for (ValueId input : node.inputs()) release(input);
  }

  // The session runs on the packed form; the other stays with whoever else holds it.
  void release(ValueId id) {
    const Tensor* constant = id == kNone ? nullptr : prepared_.constant(id);
    if (!constant || constant->size() == 0 || kept_.contains(id)) return;
    if (!only_packed(prepared_, id)) return;
    for (const Use& use : prepared_.graph.value(id).uses()) {
      if (!prepared_.nodes[static_cast<size_t>(use.node)].op->packs_weights) return;
    }
    Tensor rest = Tensor::described(constant->dtype(), constant->shape());
    prepared_.graph.value(id).initializer = rest;
    prepared_.constants[id] = std::move(rest);
  }

  PreparedGraph& prepared_;
  const std::set<ValueId> kept_;
  ByteRanges ranges_{prepared_.graph, [this](ValueId id) { return prepared_.constant(id); }};
};

}  // namespace

PreparedGraph::PreparedGraph(Graph source, std::span<const ValueId> read)
    : graph(std::move(source)) {
  infer_types(graph);
  if (split_fused(graph) > 0) infer_types(graph);
  feeds = graph.required_inputs();
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    if (graph.value(id).captured) feeds.push_back(id);
  }
  nodes.resize(static_cast<size_t>(graph.node_slots()));
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    if (const Tensor* tensor = graph.constant(id)) constants.emplace(id, *tensor);
  }
  Preparation preparation(*this, read);
  for (NodeId id : graph.nodes()) preparation.visit(id);
  for (auto& [id, tensor] : constants) {
    if (!only_packed(*this, id)) tensor = owned(tensor);
  }
}

const Tensor* PreparedGraph::constant(ValueId id) const {
  const auto found = constants.find(id);
  return found == constants.end() ? nullptr : &found->second;
}

const PreparedBody* PreparedNode::body(std::string_view attribute) const {
  const auto found = std::ranges::find(bodies, attribute, &PreparedBody::attribute);
  return found == bodies.end() ? nullptr : &*found;
}

std::shared_ptr<Plan> PreparedGraph::plan_for(std::span<const TensorInfo> infos, int cached) const {
  std::vector<int64_t> signature;
  for (const TensorInfo& info : infos) {
    signature.push_back(static_cast<int64_t>(info.dtype));
    signature.push_back(static_cast<int64_t>(info.shape.size()));
    signature.insert(signature.end(), info.shape.begin(), info.shape.end());
  }
  const auto same = [&](const auto& plan) { return plan->signature == signature; };
  const auto found = std::ranges::find_if(plans, same);
  if (found != plans.end()) {
    std::rotate(plans.begin(), found, found + 1);
    return plans.front();
  }
  auto plan = std::make_shared<Plan>(make_plan(*this, infos));
  plan->signature = std::move(signature);
  ++plans_made;
  plans.insert(plans.begin(), std::move(plan));
  if (plans.size() > static_cast<size_t>(std::max(cached, 1))) plans.pop_back();
  return plans.front();
}

}  // namespace eightfold
