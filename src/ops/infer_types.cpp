// Inference over a whole graph. Small integers that follow from constants and known shapes are
// computed on the way, so that a Reshape by Shape -> Gather -> Concat has known dims. Bodies are
// inferred with their node, and keep the types.
#include <map>
#include <memory>
#include <utility>

#include "ops/evaluate.h"

namespace eightfold {
namespace {

constexpr int64_t kSmall = 1024;  // elements of a value that is worth computing here

// What a declared type knows beyond the inferred one is kept.
ValueType merged(const ValueType& inferred, const ValueType& declared) {
  ValueType type = inferred;
  if (type.dtype == DType::kUndefined) type.dtype = declared.dtype;
  if (!type.dims) {
    type.dims = declared.dims;
  } else if (declared.dims && declared.dims->size() == type.dims->size()) {
    for (size_t i = 0; i < type.dims->size(); ++i) {
      const Dim& other = (*declared.dims)[i];
      Dim& dim = (*type.dims)[i];
      if (!dim.known() && (other.known() || dim.name.empty())) dim = other;
    }
  }
  type.raw = declared.raw;
  return type;
}

class Inference;

// The bodies of one node, each inferred on a copy that sees what is known outside.
class Bodies final : public BodyTypes {
 public:
  Bodies(const Graph& outer, const Inference& inference, const Node& node)
      : outer_(outer), inference_(inference), node_(node) {}

  std::optional<std::vector<ValueType>> infer(std::string_view attribute,
                                              std::span<const ValueType> inputs) override;
  void discard(std::string_view attribute) override { typed_.erase(std::string(attribute)); }

  // Puts the typed bodies in place of the node's own.
  void keep(Node& node) {
    for (auto& [name, body] : typed_) {
      node.set_attribute(name, std::make_shared<const Graph>(std::move(body)));
    }
  }

 private:
  const Graph& outer_;
  const Inference& inference_;
  const Node& node_;
  std::map<std::string, Graph> typed_;
};

class Inference {
 public:
  explicit Inference(Graph& graph) : graph_(graph) {}

  const Tensor* known(ValueId id) const {
    if (const Tensor* constant = graph_.constant(id)) return constant;
    const auto found = computed_.find(id);
    return found == computed_.end() ? nullptr : &found->second;
  }

  void visit(NodeId id) {
    const Node& node = graph_.node(id);
    const OpDef* op = find_op(graph_, node);
    if (!op || !op->infer) return;
    InferContext context(node, graph_.opset(node.domain), types(node), constants(node));
    Bodies bodies(graph_, *this, node);
    context.bodies = &bodies;
    try {
      op->infer(context);
    } catch (const Error& error) {
      throw error.at(display_name(graph_, id), node.op_type);
    }
    const std::vector<ValueType> outputs = context.take_outputs();
    for (size_t i = 0; i < outputs.size(); ++i) {
      const ValueId output = node.output(i);
      if (output == kNone) continue;
      graph_.value(output).type = merged(outputs[i], graph_.value(output).type);
    }
    compute(*op, node);
    bodies.keep(graph_.node(id));
  }

 private:
  std::vector<ValueType> types(const Node& node) const {
    std::vector<ValueType> types;
    for (ValueId input : node.inputs()) {
      types.push_back(input == kNone ? ValueType{} : graph_.value(input).type);
      const Tensor* constant = known(input);
      if (constant) types.back() = {constant->dtype(), to_dims(constant->shape()), {}};
    }
    return types;
  }

  std::vector<const Tensor*> constants(const Node& node) const {
    std::vector<const Tensor*> constants;
    for (ValueId input : node.inputs()) constants.push_back(known(input));
    return constants;
  }

  // Operands of a node all of whose data is known; empty optional otherwise.
  std::optional<std::vector<Operand>> operands(const OpDef& op, const Node& node) const {
    std::vector<Operand> operands;
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const ValueId input = node.inputs()[i];
      const Tensor* constant = known(input);
      if (input == kNone || constant) {
        operands.push_back(constant ? Operand::of(*constant) : Operand{});
        continue;
      }
      const ValueType& type = graph_.value(input).type;
      const std::optional<Shape> shape = known_shape(type);
      if (op.role(i) != Role::kMetadata || !shape) return std::nullopt;
      operands.push_back({{type.dtype, *shape, Layout::kPlain, true}, {}});
    }
    return operands;
  }

  void compute(const OpDef& op, const Node& node) {
    if (!op.run || node.has_bodies()) return;
    for (ValueId output : node.outputs()) {
      if (output == kNone) continue;
      const ValueType& type = graph_.value(output).type;
      const std::optional<Shape> shape = known_shape(type);
      if (!shape || is_quantized_int8(type.dtype) || element_count(*shape) > kSmall) return;
    }
    const auto inputs = operands(op, node);
    if (!inputs) return;
    const NodeRun run{op, node, graph_.opset(node.domain)};
    std::vector<Operand> outputs = evaluate(run, *inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (node.output(i) != kNone) computed_[node.output(i)] = std::move(outputs[i].tensor);
    }
  }

  Graph& graph_;
  std::map<ValueId, Tensor> computed_;
};

std::optional<std::vector<ValueType>> Bodies::infer(std::string_view attribute,
                                                    std::span<const ValueType> inputs) {
  const Attribute* found = node_.find_attribute(attribute);
  const auto* held = found ? std::get_if<Attribute::GraphPtr>(&found->value) : nullptr;
  if (!held || (*held)->inputs.size() != inputs.size()) return std::nullopt;
  Graph body = **held;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ValueType& type = body.value(body.inputs[i]).type;
    type = merged(inputs[i], type);
  }
  std::vector<ValueId> lent;  // constants of the outer graph, for the time of the inference
  for (ValueId id = 0; id < body.value_count(); ++id) {
    Value& value = body.value(id);
    if (!value.captured) continue;
    const ValueId outside = outer_.find_value(value.name);
    if (outside == kNone) continue;
    value.type = outer_.value(outside).type;
    if (const Tensor* constant = inference_.known(outside)) {
      value.initializer = *constant;
      lent.push_back(id);
    }
  }
  try {
    infer_types(body);
  } catch (const Error&) {
    return std::nullopt;  // a branch that is never taken may not fit these shapes: run will tell
  }
  for (ValueId id : lent) body.value(id).initializer.reset();
  std::vector<ValueType> outputs;
  for (ValueId id : body.outputs) outputs.push_back(body.value(id).type);
  typed_.insert_or_assign(std::string(attribute), std::move(body));
  return outputs;
}

}  // namespace

void infer_types(Graph& graph) {
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    Value& value = graph.value(id);
    if (value.initializer) {
      value.type = {value.initializer->dtype(), to_dims(value.initializer->shape()), {}};
    }
  }
  Inference inference(graph);
  for (NodeId id : graph.nodes()) inference.visit(id);
}

}  // namespace eightfold
