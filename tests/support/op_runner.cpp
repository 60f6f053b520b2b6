// One node in a graph of its own, evaluated.
#include "support/op_runner.h"

#include <algorithm>

#include "ops/evaluate.h"

namespace eightfold::test {
namespace {

struct Single {
  Graph graph;
  NodeId node = kNone;
};

Single graph_of(const OpCase& op_case) {
  Single single;
  single.graph.model().opsets[op_case.domain] = op_case.opset;
  std::vector<ValueId> inputs, outputs;
  for (const Tensor& tensor : op_case.inputs) {
    if (!tensor.defined()) {
      inputs.push_back(kNone);
      continue;
    }
    const ValueType type{tensor.dtype(), to_dims(tensor.shape()), {}};
    inputs.push_back(single.graph.add_value("x" + std::to_string(inputs.size()), type));
    single.graph.inputs.push_back(inputs.back());
  }
  for (size_t i = 0; i < op_case.outputs; ++i) {
    outputs.push_back(single.graph.add_value("y" + std::to_string(i)));
    single.graph.outputs.push_back(outputs.back());
  }
  Node node;
  node.name = "node";
  node.domain = op_case.domain;
  node.op_type = op_case.op;
  node.attributes = op_case.attributes;
  single.node = single.graph.add_node(std::move(node), std::move(inputs), std::move(outputs));
  return single;
}

const OpDef& row_of(const OpCase& op_case) {
  const OpDef* op = find_op(op_case.domain, op_case.op, op_case.opset);
  if (!op) {
    throw Error(ErrorCode::kUnsupportedOp, "no row for " + op_case.domain + ":" + op_case.op)
        .at("node", op_case.op);
  }
  return *op;
}

bool is_constant(const OpCase& op_case, size_t input) {
  return std::ranges::find(op_case.constants, input) != op_case.constants.end();
}

}  // namespace

std::vector<Tensor> run_op(const OpCase& op_case) {
  const OpDef& op = row_of(op_case);
  const Single single = graph_of(op_case);
  const Node& node = single.graph.node(single.node);
  std::vector<Operand> operands;
  std::vector<const Tensor*> constants;
  std::vector<ValueType> types;
  for (size_t i = 0; i < op_case.inputs.size(); ++i) {
    const Tensor& tensor = op_case.inputs[i];
    const bool constant = is_constant(op_case, i) && tensor.defined();
    Operand operand = Operand::of(tensor);
    if (!constant && tensor.rank() >= 3) operand = with_layout(operand, op_case.layout);
    operands.push_back(std::move(operand));
    constants.push_back(constant ? &tensor : nullptr);
    types.push_back(tensor.defined() ? ValueType{tensor.dtype(), to_dims(tensor.shape()), {}}
                                     : ValueType{});
  }
  const OpState packed = pack_node(op, node, op_case.opset, constants, types);
  std::vector<Tensor> results;
  for (const Operand& output : evaluate({op, node, op_case.opset, packed.get()}, operands)) {
    results.push_back(output.present() ? with_layout(output, Layout::kPlain).tensor : Tensor{});
  }
  return results;
}

std::vector<ValueType> infer_op(const OpCase& op_case, std::vector<std::optional<Dims>> dims) {
  const Single single = graph_of(op_case);
  std::vector<ValueType> types;
  std::vector<const Tensor*> constants;
  for (size_t i = 0; i < op_case.inputs.size(); ++i) {
    const Tensor& tensor = op_case.inputs[i];
    types.push_back(tensor.defined() ? ValueType{tensor.dtype(), to_dims(tensor.shape()), {}}
                                     : ValueType{});
    if (i < dims.size() && dims[i]) types.back().dims = dims[i];
    constants.push_back(tensor.defined() && is_constant(op_case, i) ? &tensor : nullptr);
  }
  InferContext context(single.graph.node(single.node), op_case.opset, std::move(types),
                       std::move(constants));
  row_of(op_case).infer(context);
  return context.take_outputs();
}

Tensor cast(const Tensor& tensor, DType to) {
  return run_op(
      {.op = "Cast", .attributes = {{"to", static_cast<int64_t>(to)}}, .inputs = {tensor}})[0];
}

Tensor booleans(Shape shape, const std::vector<int>& values) {
  Tensor tensor = Tensor::allocate(DType::kBool, std::move(shape));
  std::ranges::transform(values, tensor.mutable_data<bool>().begin(),
                         [](int value) { return value != 0; });
  return tensor;
}

Tensor ramp(Shape shape, float first, float step) {
  Tensor tensor = Tensor::allocate(DType::kFloat32, std::move(shape));
  float value = first;
  for (float& element : tensor.mutable_data<float>()) {
    element = value;
    value += step;
  }
  return tensor;
}

Tensor reordered(const Tensor& x, Shape shape, const std::function<int64_t(int64_t)>& from) {
  const int64_t size = x.shape().back();
  Tensor y = Tensor::allocate(x.dtype(), std::move(shape));
  auto* to = static_cast<uint8_t*>(y.mutable_raw());
  const auto* data = static_cast<const uint8_t*>(x.raw());
  for (int64_t row = 0; row < y.size() / size; ++row) {
    std::copy_n(data + from(row) * size, size, to + row * size);
  }
  return y;
}

}  // namespace eightfold::test
