// See lower_foreign.h.
#include "quant/lower_foreign.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "quant/cleanup/passes.h"
#include "quant/convert_pairs.h"
#include "quant/fusers/fuser.h"
#include "quant/lower_compose.h"
#include "quant/lower_operands.h"
#include "quant/unfold_places.h"
#include "runtime/fold_constants.h"
#include "runtime/session.h"

namespace eightfold {
namespace {

const Node* stored_by(const Graph& graph, ValueId value) {
  const Node* dequantize = value == kNone ? nullptr : graph.producer(value);
  if (!dequantize || !is_dequantize(*dequantize) || !graph.constant(dequantize->input(0))) {
    return nullptr;
  }
  return dequantize->int_attribute("block_size", 0) == 0 ? dequantize : nullptr;
}

bool is_per_tensor(const Graph& graph, const Node& dequantize) {
  const Tensor* scale = graph.constant(dequantize.input(1));
  return scale && scale->size() == 1;
}

// Where Transpose puts an axis.
int64_t moved_axis(const Node& transpose, int64_t axis, int64_t rank) {
  std::vector<int64_t> perm = transpose.ints_attribute("perm");
  if (perm.empty()) {
    for (int64_t i = rank; i-- > 0;) perm.push_back(i);
  }
  if (axis < 0) axis += rank;
  return std::ranges::find(perm, axis) - perm.begin();
}

// integers -> DequantizeLinear -> Transpose, Reshape ...: the integers are moved now.
void move_stored(Graph& graph, NodeId id) {
  const OpDef* def = find_op(graph, graph.node(id));
  const ValueId output = graph.node(id).output(0);
  const bool moves = def && def->quantized.operands == QuantizedOperands::kDirect &&
                     graph.node(id).outputs().size() == 1 && !graph.is_output(output);
  const Node* source = moves ? stored_by(graph, graph.node(id).input(0)) : nullptr;
  if (!source) return;
  const Tensor& data = *graph.constant(source->input(0));
  const bool transposes = graph.node(id).is("Transpose");
  if (!is_quantized_int8(data.dtype()) || (!transposes && !is_per_tensor(graph, *source))) return;
  std::vector<Tensor> inputs{data};
  for (size_t i = 1; i < graph.node(id).inputs().size(); ++i) {
    const Tensor* constant = graph.constant(graph.node(id).input(i));
    if (!constant) return;
    inputs.push_back(*constant);
  }
  Node dequantize;
  dequantize.name = graph.node(id).name;
  dequantize.domain = source->domain;
  dequantize.op_type = source->op_type;
  dequantize.attributes = source->attributes;
  if (!is_per_tensor(graph, *source)) {
    const int64_t axis = source->int_attribute("axis", 1);
    dequantize.set_attribute("axis", moved_axis(graph.node(id), axis, data.rank()));
  }
  std::vector<ValueId> parameters(source->inputs().begin(), source->inputs().end());
  Tensor moved = run_node(graph, id, inputs)[0];
  parameters[0] = graph.add_initializer(
      graph.unique_name(graph.value(parameters[0]).name + "_moved"), std::move(moved));
  const NodeId next =
      graph.insert_before(id, std::move(dequantize), std::move(parameters), {kNone});
  graph.erase_node(id);
  graph.set_output(next, 0, output);
}

// Whether an integer kernel could take the value as a weight.
bool feeds_kernels(Graph& graph, ValueId value) {
  const std::vector<Use> uses(graph.value(value).uses().begin(), graph.value(value).uses().end());
  return std::ranges::all_of(uses, [&](const Use& use) {
    const OpDef* def = find_op(graph, graph.node(use.node));
    return use.index == 1 && def && def->macs &&
           dequantized_operand(graph, graph.node(use.node).input(0)).has_value();
  });
}

Tensor widened(const Tensor& nibbles) {
  const DType dtype = nibbles.dtype() == DType::kInt4 ? DType::kInt8 : DType::kUint8;
  return integer_tensor(dtype, nibbles.shape(), integers_of(nibbles));
}

void widen_weight(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const Tensor* data = is_dequantize(node) ? graph.constant(node.input(0)) : nullptr;
  if (!data || !stored_by(graph, node.output(0)) || !graph.constant(node.input(1))) return;
  if ((data->dtype() != DType::kInt4 && data->dtype() != DType::kUint4) ||
      !feeds_kernels(graph, node.output(0))) {
    return;
  }
  const auto widen = [&](size_t input) {
    const ValueId value = graph.node(id).input(input);
    if (value == kNone) return;
    Tensor wide = widened(*graph.constant(value));
    const std::string name = graph.unique_name(graph.value(value).name + "_widened");
    graph.set_input(id, input, graph.add_initializer(name, std::move(wide)));
  };
  if (node.input(2) != kNone && !graph.constant(node.input(2))) return;
  widen(0);
  widen(2);
}

template <typename F>
void for_each_node(Graph& graph, F&& visit) {
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    if (graph.alive(id)) visit(graph, id);
  }
}

}  // namespace

Graph tidy_foreign(const Graph& source) {
  FoldOptions options;
  options.keeps_pairs = true;
  Graph graph = fold_constants(source, options);
  remove_no_ops(graph);
  infer_types(graph);
  normalize_pairs(graph);
  for_each_node(graph, move_stored);
  for_each_node(graph, widen_weight);
  for_each_node(graph, restore_places);
  for_each_node(graph, compose_group);
  infer_types(graph);
  return graph;
}

}  // namespace eightfold
