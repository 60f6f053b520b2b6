// See lower_compose.h.
#include "quant/lower_compose.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "quant/fusers/fuser.h"
#include "quant/lower_operands.h"
#include "quant/unfold.h"

namespace eightfold {
namespace {

bool is_int8(Graph& graph, ValueId value) {
  const auto operand = dequantized_operand(graph, value);
  return operand && is_quantized_int8(operand->dtype);
}

// Clamps may stand between.
bool is_quantized_next(Graph& graph, ValueId value) {
  std::string why;
  for (;;) {
    if (quantized_operand(graph, value, &why)) return true;
    const auto uses = graph.value(value).uses();
    if (uses.size() != 1 || graph.is_output(value) || !clamp_of(graph, uses[0].node)) return false;
    value = graph.node(uses[0].node).output(0);
  }
}

// The layer of integers that makes a value for one reader alone; kNone when none does.
NodeId layer_before(Graph& graph, ValueId value, std::string_view op_type) {
  const NodeId id = graph.value(value).producer();
  if (id == kNone || graph.user_count(value) != 1 || graph.is_output(value)) return kNone;
  const Node& layer = graph.node(id);
  const bool plain = layer.op_type == op_type && layer.domain.empty();
  return plain && is_int8(graph, layer.input(0)) && is_int8(graph, layer.input(1)) ? id : kNone;
}

// Two extents that are not known are taken for equal, as fuse takes them.
bool same_shapes(const Graph& graph, ValueId a, ValueId b) {
  const auto& left = graph.value(a).type.dims;
  const auto& right = graph.value(b).type.dims;
  return left && right && left->size() == right->size() &&
         std::ranges::equal(*left, *right, [](const Dim& x, const Dim& y) {
           return x.value == y.value || (x.value != 1 && y.value != 1 && x.known() != y.known());
         });
}

bool compose_residual(Graph& graph, NodeId add, size_t side) {
  const ValueId sum = graph.node(add).input(side), other = graph.node(add).input(1 - side);
  const NodeId conv = layer_before(graph, sum, "Conv");
  if (conv == kNone || !is_int8(graph, other) || !same_shapes(graph, sum, other)) return false;
  const auto residual = dequantized_operand(graph, other);
  if (!residual->per_tensor() || graph.constant(residual->data)) return false;
  Node fused = graph.node(conv);
  const std::vector<ValueId> inputs{fused.input(0), fused.input(1), fused.input(2), other};
  fused.domain = std::string(kEightfoldDomain);
  fused.op_type = "ConvAdd";
  graph.erase_node(conv);
  const ValueId output = graph.node(add).output(0);
  const NodeId id = graph.insert_before(add, std::move(fused), inputs, {kNone});
  graph.erase_node(add);
  graph.set_output(id, 0, output);
  return true;
}

// A row of N numbers, float or stored as integers.
bool is_row(Graph& graph, ValueId value, int64_t n) {
  const auto stored = dequantized_operand(graph, value);
  const Tensor* tensor = graph.constant(stored ? stored->data : value);
  return tensor && tensor->size() == n && (tensor->rank() == 1 || tensor->rank() == 2) &&
         tensor->shape().back() == n;
}

bool compose_bias(Graph& graph, NodeId add, size_t side) {
  const ValueId sum = graph.node(add).input(side), row = graph.node(add).input(1 - side);
  const NodeId matmul = layer_before(graph, sum, "MatMul");
  if (matmul == kNone) return false;
  const ValueId a = graph.node(matmul).input(0), b = graph.node(matmul).input(1);
  const Tensor* weight = graph.constant(dequantized_operand(graph, b)->data);
  const auto& dims = graph.value(a).type.dims;
  if (!weight || weight->rank() != 2 || !dims || dims->size() != 2 ||
      !is_row(graph, row, weight->shape()[1])) {
    return false;
  }
  graph.node(matmul).op_type = "Gemm";
  graph.set_inputs(matmul, {a, b, row});
  replace_producer(graph, add, matmul);
  return true;
}

void compose_function(Graph& graph, NodeId id) {
  const NodeId gemm = layer_before(graph, graph.node(id).input(0), "Gemm");
  if (gemm == kNone) return;
  const Node& function = graph.node(id);
  Node& layer = graph.node(gemm);
  layer.domain = std::string(kEightfoldDomain);
  layer.set_attribute("activation", function.op_type);
  if (function.op_type == "LeakyRelu") {
    layer.set_attribute("activation_alpha", function.float_attribute("alpha", 0.01f));
  }
  replace_producer(graph, id, gemm);
}

}  // namespace

void compose_group(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.is("Add") && !node.is("LeakyRelu") && !node.is("Tanh")) return;
  if (!is_quantized_next(graph, node.output(0))) return;
  if (!node.is("Add")) return compose_function(graph, id);
  for (size_t side : {0, 1}) {
    if (compose_residual(graph, id, side) || compose_bias(graph, id, side)) return;
  }
}

}  // namespace eightfold
