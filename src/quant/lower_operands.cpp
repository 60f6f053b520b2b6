// Reading and tidying the Q and DQ nodes of a graph (see lower_operands.h).
#include "quant/lower_operands.h"

#include <algorithm>
#include <vector>

#include "quant/convert_pairs.h"
#include "runtime/session.h"

namespace eightfold {
namespace {

// The value that stands for "no zero point" is written down, since QLinear ops require one.
void make_zero_point_explicit(Graph& graph, NodeId id, Operand& operand) {
  const Shape shape = graph.constant(operand.scale)->shape();
  const std::vector<int32_t> zeros(static_cast<size_t>(element_count(shape)), 0);
  operand.zero_point =
      graph.add_initializer(graph.unique_name(graph.value(operand.data).name + "_zero_point"),
                            integer_tensor(operand.dtype, shape, zeros));
  graph.set_input(id, 2, operand.zero_point);
}

int axis_of(const Graph& graph, const Node& node, ValueId data) {
  if (graph.constant(node.input(1))->size() == 1) return -1;
  const auto axis = static_cast<int>(node.int_attribute("axis", 1));
  if (axis >= 0) return axis;
  const auto& dims = graph.value(data).type.dims;
  return dims ? axis + static_cast<int>(dims->size()) : axis;
}

bool blocked(const Node& node) { return node.int_attribute("block_size", 0) != 0; }

std::optional<Operand> read(Graph& graph, NodeId id, ValueId data, DType dtype) {
  const Node& node = graph.node(id);
  if (!graph.constant(node.input(1)) || blocked(node)) return std::nullopt;
  ValueId zero_point = node.input(2);
  if (zero_point != kNone) {
    if (!graph.constant(zero_point)) return std::nullopt;
    dtype = graph.constant(zero_point)->dtype();
  }
  if (!is_quantized_int8(dtype) && dtype != DType::kInt32) return std::nullopt;
  Operand operand{id, data, node.input(1), zero_point, dtype, axis_of(graph, node, data)};
  if (zero_point == kNone && dtype != DType::kInt32) make_zero_point_explicit(graph, id, operand);
  return operand;
}

bool same_tensor(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.size() == b.size() &&
         std::equal(static_cast<const uint8_t*>(a.raw()),
                    static_cast<const uint8_t*>(a.raw()) + a.size_bytes(),
                    static_cast<const uint8_t*>(b.raw()));
}

bool same_values(const Graph& graph, ValueId a, ValueId b) {
  if (a == b) return true;
  return a != kNone && b != kNone && same_tensor(*graph.constant(a), *graph.constant(b));
}

// float constant -> Q: the integers are known now.
void fold_constant_quantize(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  std::vector<Tensor> inputs;
  for (ValueId input : node.inputs()) {
    if (input != kNone && !graph.constant(input)) return;
    inputs.push_back(input == kNone ? Tensor() : *graph.constant(input));
  }
  Tensor folded = run_node(graph, id, inputs)[0];
  const ValueId output = node.output(0);
  if (graph.is_output(output)) return;
  graph.erase_node(id);
  graph.value(output).type = {folded.dtype(), to_dims(folded.shape()), {}};
  graph.value(output).initializer = std::move(folded);
}

void merge_equal_quantizes(Graph& graph, NodeId id) {
  const auto mine = written_operand(graph, id);
  if (!mine) return;
  const ValueId source = graph.node(id).input(0);
  const std::vector<Use> uses(graph.value(source).uses().begin(), graph.value(source).uses().end());
  for (const Use& use : uses) {
    if (use.node == id || use.index != 0 || !is_quantize(graph.node(use.node))) continue;
    const auto other = written_operand(graph, use.node);
    if (!other || graph.is_output(other->data) || !same_params(graph, *mine, *other)) continue;
    graph.replace_uses(other->data, mine->data);
    graph.erase_node(use.node);
  }
}

}  // namespace

bool is_quantize(const Node& node) {
  return node.op_type == "QuantizeLinear" &&
         (node.domain.empty() || node.domain == kMicrosoftDomain ||
          node.domain == kEightfoldDomain);
}

bool is_dequantize(const Node& node) {
  return node.op_type == "DequantizeLinear" &&
         (node.domain.empty() || node.domain == kMicrosoftDomain);
}

QuantizedOperands int8_operands(const Node& node) {
  for (const OpDef* def : all_ops()) {
    const PlaceTarget* dynamic = def->places ? &def->places->dynamic : nullptr;
    if (dynamic && dynamic->op_type == node.op_type && dynamic->domain == node.domain) {
      return QuantizedOperands::kPlaces;
    }
    const bool named = def->quantized.operands != QuantizedOperands::kDirect &&
                       def->quantized.op_type == node.op_type;
    if (named && def->quantized.operands != QuantizedOperands::kNone) {
      return def->quantized.operands;
    }
  }
  return QuantizedOperands::kNone;
}

std::optional<Operand> dequantized_operand(Graph& graph, ValueId value) {
  if (value == kNone || graph.value(value).producer() == kNone) return std::nullopt;
  const NodeId id = graph.value(value).producer();
  if (!is_dequantize(graph.node(id))) return std::nullopt;
  const ValueId data = graph.node(id).input(0);
  const Tensor* constant = graph.constant(data);
  return read(graph, id, data, constant ? constant->dtype() : graph.value(data).type.dtype);
}

std::optional<Operand> written_operand(Graph& graph, NodeId quantize) {
  const auto declared = static_cast<DType>(
      graph.node(quantize).int_attribute("output_dtype", static_cast<int64_t>(DType::kUint8)));
  return read(graph, quantize, graph.node(quantize).output(0), declared);
}

std::optional<Operand> quantized_operand(Graph& graph, ValueId value, std::string* why) {
  const auto uses = graph.value(value).uses();
  if (graph.is_output(value)) {
    *why = "its float output is an output of the model";
  } else if (uses.size() != 1) {
    *why = "its float output has " + std::to_string(uses.size()) + " users";
  } else if (uses[0].index != 0 || !is_quantize(graph.node(uses[0].node))) {
    *why = "its output is not quantized";
  } else {
    auto operand = written_operand(graph, uses[0].node);
    if (operand && operand->per_tensor()) return operand;
    *why = "the parameters of its output are not one constant scale";
  }
  return std::nullopt;
}

bool same_params(const Graph& graph, const Operand& a, const Operand& b) {
  return a.dtype == b.dtype && a.axis == b.axis && same_values(graph, a.scale, b.scale) &&
         same_values(graph, a.zero_point, b.zero_point);
}

float scale_of(const Graph& graph, const Operand& operand) {
  return graph.constant(operand.scale)->data<float>()[0];
}

int32_t zero_point_of(const Graph& graph, const Operand& operand) {
  return integers_of(*graph.constant(operand.zero_point))[0];
}

void normalize_pairs(Graph& graph) {
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    if (!graph.alive(id) || !is_quantize(graph.node(id))) continue;
    if (graph.constant(graph.node(id).input(0))) {
      fold_constant_quantize(graph, id);
    } else {
      merge_equal_quantizes(graph, id);
    }
  }
}

void drop_round_trips(Graph& graph) {
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    if (!graph.alive(id) || !is_quantize(graph.node(id))) continue;
    const auto source = dequantized_operand(graph, graph.node(id).input(0));
    const auto written = written_operand(graph, id);
    if (!source || !written || !same_params(graph, *source, *written)) continue;
    if (graph.is_output(written->data)) continue;
    graph.replace_uses(written->data, source->data);
    graph.erase_node(id);
  }
}

}  // namespace eightfold
