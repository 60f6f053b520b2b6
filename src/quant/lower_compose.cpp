// See lower_compose.h.
#include "quant/lower_compose.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "quant/convert_pairs.h"
#include "quant/fusers/fuse_activation.h"
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

// The node makes what `old` made, in its place: all that is read is there by then.
void replace_by(Graph& graph, NodeId old, Node node, std::vector<ValueId> inputs) {
  const ValueId output = graph.node(old).output(0);
  const NodeId id = graph.insert_before(old, std::move(node), std::move(inputs), {kNone});
  graph.erase_node(old);
  graph.set_output(id, 0, output);
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
  replace_by(graph, add, std::move(fused), inputs);
  return true;
}

// A row of N numbers, float or stored as integers.
bool is_row(Graph& graph, ValueId value, int64_t n) {
  const auto stored = dequantized_operand(graph, value);
  const Tensor* tensor = graph.constant(stored ? stored->data : value);
  return tensor && tensor->size() == n && (tensor->rank() == 1 || tensor->rank() == 2) &&
         tensor->shape().back() == n;
}

// [..., K] of MatMul as the rows that Gemm takes: the leading dims, -1 for one that is not known;
// empty when more are.
std::vector<int64_t> leading_dims(const Dims& dims) {
  std::vector<int64_t> leading;
  for (size_t i = 0; i + 1 < dims.size(); ++i) {
    leading.push_back(dims[i].known() ? dims[i].value : -1);
  }
  return std::ranges::count(leading, -1) > 1 ? std::vector<int64_t>{} : leading;
}

// Reshape on integers, in front of `before` or behind `after`.
NodeId reshape_integers(Graph& graph, Place place, ValueId from, std::vector<int64_t> shape,
                        ValueId to) {
  Node node;
  node.op_type = "Reshape";
  node.name = graph.value(to).name + "_Reshape";
  const auto rank = static_cast<int64_t>(shape.size());
  const ValueId dims = graph.add_initializer(graph.unique_name(node.name + "_shape"),
                                             Tensor::of<int64_t>({rank}, shape));
  return place_node(graph, place, std::move(node), {from, dims}, {to});
}

// The integers of `a`, as rows, dequantized again.
ValueId as_rows(Graph& graph, ValueId a, int64_t k, NodeId before) {
  const Operand operand = *dequantized_operand(graph, a);
  const std::string name = graph.value(operand.data).name;
  const ValueId rows =
      graph.add_value(graph.unique_name(name + "_rows"), {operand.dtype, std::nullopt, {}});
  reshape_integers(graph, {.before = before}, operand.data, {-1, k}, rows);
  const ValueId floats = graph.add_value(graph.unique_name(name + "_rows_dequantized"),
                                         {DType::kFloat32, std::nullopt, {}});
  add_dequantize(graph, {.before = before}, rows, {operand.scale, operand.zero_point}, -1, floats,
                 name + "_rows");
  return floats;
}

// What follows a value up to its QuantizeLinear works on rows; the integers get their shape back.
void shape_behind(Graph& graph, ValueId value, std::vector<int64_t> shape) {
  NodeId next = kNone;
  do {
    graph.value(value).type.dims.reset();
    next = graph.value(value).uses()[0].node;
    value = graph.node(next).output(0);
  } while (!is_quantize(graph.node(next)));
  const ValueId rows = split_output(graph, next, "_rows");
  graph.value(rows).type.dims.reset();
  reshape_integers(graph, {.after = next}, rows, std::move(shape), value);
}

bool compose_bias(Graph& graph, NodeId add, size_t side) {
  const ValueId sum = graph.node(add).input(side), row = graph.node(add).input(1 - side);
  const NodeId matmul = layer_before(graph, sum, "MatMul");
  if (matmul == kNone) return false;
  const ValueId a = graph.node(matmul).input(0), b = graph.node(matmul).input(1);
  const Tensor* weight = graph.constant(dequantized_operand(graph, b)->data);
  const auto& dims = graph.value(a).type.dims;
  if (!weight || weight->rank() != 2 || !dims || dims->size() < 2) return false;
  const int64_t k = weight->shape()[0], n = weight->shape()[1];
  std::vector<int64_t> shape = leading_dims(*dims);
  if (shape.empty() || !is_row(graph, row, n)) return false;
  const bool is_matrix = shape.size() == 1;
  const ValueId output = graph.node(add).output(0);
  const ValueId rows = is_matrix ? a : as_rows(graph, a, k, add);
  Node gemm = graph.node(matmul);
  gemm.op_type = "Gemm";
  graph.erase_node(matmul);
  replace_by(graph, add, std::move(gemm), {rows, b, row});
  shape.push_back(n);
  if (!is_matrix) shape_behind(graph, output, std::move(shape));
  return true;
}

void compose_function(Graph& graph, NodeId id) {
  const Node& function = graph.node(id);
  const ValueId sum = function.input(0);
  const bool is_prelu = function.is("PRelu");
  NodeId layer = is_prelu ? kNone : layer_before(graph, sum, "Gemm");
  if (layer == kNone && !function.is("Tanh")) layer = layer_before(graph, sum, "Conv");
  if (layer == kNone) return;
  const auto weight = dequantized_operand(graph, graph.node(layer).input(1));
  const Tensor* integers = graph.constant(weight->data);
  if (is_prelu && slopes_of(graph, id, integers).empty()) return;
  fuse_function(graph, layer, id, integers);
}

}  // namespace

void compose_group(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.is("Add") && !node.is("LeakyRelu") && !node.is("PRelu") && !node.is("Tanh")) return;
  if (!is_quantized_next(graph, node.output(0))) return;
  if (!node.is("Add")) return compose_function(graph, id);
  for (size_t side : {0, 1}) {
    if (compose_residual(graph, id, side) || compose_bias(graph, id, side)) return;
  }
}

}  // namespace eightfold
