// One node on its own storage. See evaluate.h.
#include "ops/evaluate.h"

#include <cstring>
#include <utility>

#include "ops/call_row.h"
#include "ops/convert_layout.h"

namespace eightfold {
namespace {

// Collects the outputs that a run allocates for itself, and passes bodies on.
class EvaluationHost final : public RunHost {
 public:
  EvaluationHost(const NodeRun& run, std::span<const Operand> inputs, std::vector<Operand>& outputs)
      : run_(run), inputs_(inputs), outputs_(outputs) {}

  TensorView allocate(size_t output, DType dtype, Shape shape) override {
    outputs_[output].tensor = Tensor::allocate(dtype, shape);
    outputs_[output].info = {dtype, std::move(shape), Layout::kPlain, true};
    return outputs_[output].view();
  }

  Tensor input(size_t i) override {
    return i < inputs_.size() ? with_layout(inputs_[i], Layout::kPlain).tensor : Tensor{};
  }

  void emit(size_t output, Tensor tensor) override {
    if (output < outputs_.size()) outputs_[output] = Operand::of(std::move(tensor));
  }

  void claim(int64_t bytes) override {
    if (run_.host) run_.host->claim(bytes);
  }

  std::shared_ptr<void>* unfinished() override {
    return run_.host ? run_.host->unfinished() : nullptr;
  }

  std::vector<Tensor> run_subgraph(std::string_view attribute,
                                   std::span<const Tensor> inputs) override {
    if (run_.host) return run_.host->run_subgraph(attribute, inputs);
    throw Error(ErrorCode::kUnsupportedOp, "bodies cannot be run outside a session")
        .at(run_.node.name, run_.node.op_type);
  }

 private:
  const NodeRun& run_;
  std::span<const Operand> inputs_;
  std::vector<Operand>& outputs_;
};

// Only the rows that say so know what a sequence or an optional is.
void check_lists(const NodeRun& run, std::span<const Operand> inputs) {
  if (run.op.takes_lists) return;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (is_tensor(inputs[i].info.dtype)) continue;
    throw Error(ErrorCode::kInvalidType, "input " + std::to_string(i) + " must be a tensor, not " +
                                             std::string(dtype_name(inputs[i].info.dtype)))
        .at(run.node.name, run.node.op_type);
  }
}

std::vector<ValueType> types_of(std::span<const Operand> operands) {
  std::vector<ValueType> types;
  for (const Operand& operand : operands) {
    types.push_back({operand.info.dtype, {}, {}});
    if (operand.present() && operand.info.known) types.back().dims = to_dims(operand.info.shape);
  }
  return types;
}

// What a node needs to see now comes in plain layout, whoever made it.
std::vector<Operand> in_sight(const OpDef& op, std::span<const Operand> inputs) {
  std::vector<Operand> seen(inputs.begin(), inputs.end());
  for (size_t i = 0; op.needs_constant && i < seen.size(); ++i) {
    if (!op.needs_constant(i) || !seen[i].tensor.defined()) continue;
    seen[i] = with_layout(seen[i], Layout::kPlain);
  }
  return seen;
}

std::vector<const Tensor*> constants_of(std::span<const Operand> operands) {
  std::vector<const Tensor*> constants;
  for (const Operand& operand : operands) {
    const bool plain = operand.info.layout == Layout::kPlain;
    constants.push_back(operand.tensor.defined() && plain ? &operand.tensor : nullptr);
  }
  return constants;
}

std::vector<Operand> infer_outputs(const NodeRun& run, std::span<const Operand> inputs) {
  InferContext context(run.node, run.opset, types_of(inputs), constants_of(inputs));
  run.op.infer(context);
  std::vector<Operand> outputs;
  const std::vector<ValueType> types = context.take_outputs();
  for (size_t i = 0; i < types.size(); ++i) {
    Operand output;
    if (run.node.output(i) != kNone) {
      const std::optional<Shape> shape = known_shape(types[i]);
      output.info.dtype = types[i].dtype;
      output.info.known = shape.has_value() && output.info.dtype != DType::kUndefined;
      if (shape) output.info.shape = *shape;
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

// With every input at hand only a row that allocates may leave a shape open.
void check_known(const NodeRun& run, std::span<const Operand> outputs) {
  for (const Operand& output : outputs) {
    if (output.info.known || run.op.allocates) continue;
    throw Error(ErrorCode::kUnsupportedModel, "the shape of an output cannot be computed")
        .at(run.node.name, run.node.op_type);
  }
}

std::vector<TensorInfo> infos_of(std::span<const Operand> operands) {
  std::vector<TensorInfo> infos;
  for (const Operand& operand : operands) infos.push_back(operand.info);
  return infos;
}

// Chooses the layouts by the row's rule and brings the inputs into theirs.
std::vector<Operand> lay_out(const OpDef& op, std::span<const Operand> inputs,
                             std::vector<Operand>& outputs) {
  const std::vector<TensorInfo> infos = infos_of(inputs);
  for (Operand& output : outputs) {
    if (!output.present() || !output.info.known) continue;
    output.info.layout = output_layout(op, output.info.shape.size(), infos);
  }
  const TensorInfo first = outputs.empty() ? TensorInfo{} : outputs[0].info;
  std::vector<Operand> placed;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Layout wanted = input_layout(op, i, infos[i], first.shape.size(), first.layout);
    placed.push_back(inputs[i].tensor.defined() ? with_layout(inputs[i], wanted) : inputs[i]);
  }
  return placed;
}

}  // namespace

Operand Operand::of(Tensor tensor) {
  if (!tensor.defined()) return {};
  TensorInfo info{tensor.dtype(), tensor.shape(), Layout::kPlain, true};
  return {std::move(info), std::move(tensor)};
}

TensorView Operand::view() const {
  return {info.dtype, info.layout, info.shape, const_cast<void*>(tensor.raw())};
}

OpState pack_node(const OpDef& op, const Node& node, int64_t opset,
                  std::span<const Tensor* const> constants, std::span<const ValueType> types,
                  std::span<const ByteRange> ranges) {
  return pack_row(op, PackContext{node, opset, constants, types, ranges});
}

bool lacks_constants(const OpDef& op, const Node& node, std::span<const Tensor* const> constants) {
  for (size_t i = 0; op.needs_constant && i < node.inputs().size(); ++i) {
    if (node.inputs()[i] != kNone && op.needs_constant(i) && !constants[i]) return true;
  }
  return false;
}

std::vector<Operand> evaluate(const NodeRun& given, std::span<const Operand> operands) {
  check_lists(given, operands);
  const std::vector<Operand> inputs = in_sight(given.op, operands);
  const std::vector<const Tensor*> constants = constants_of(inputs);
  NodeRun run = given;
  OpState late;
  if (run.op.needs_constant && !run.packed) {
    late = pack_node(run.op, run.node, run.opset, constants, types_of(inputs));
    run.packed = late.get();
  }
  std::vector<Operand> outputs = infer_outputs(run, inputs);
  check_known(run, outputs);
  const std::vector<Operand> placed = lay_out(run.op, inputs, outputs);
  if (run.op.aliasing == Aliasing::kView && outputs[0].info.known) {
    outputs[0].tensor = placed[0].tensor.reshaped(outputs[0].info.shape);
    if (outputs.size() < 2) return outputs;
  }

  const std::vector<TensorInfo> input_infos = infos_of(placed);
  const std::vector<TensorInfo> output_infos = infos_of(outputs);
  PlanContext plan{run.node, run.opset, input_infos, output_infos, constants, run.packed};
  const OpState state = plan_row(run.op, plan);

  std::vector<TensorView> input_views, output_views;
  for (const Operand& input : placed) input_views.push_back(input.view());
  for (Operand& output : outputs) {
    if (output.present() && output.info.known && !output.tensor.defined()) {
      output.tensor = Tensor::allocate(output.info.dtype, output.info.shape);
    }
    output_views.push_back(output.view());
  }
  const auto scratch = Buffer::allocate(plan.scratch_bytes);
  EvaluationHost host(run, placed, outputs);
  RunContext context{run.node,   run.opset,   input_views,     output_views,
                     run.packed, state.get(), scratch->data(), host};
  run_row(run.op, context);
  return outputs;
}

}  // namespace eightfold
