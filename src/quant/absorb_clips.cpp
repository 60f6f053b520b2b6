// See absorb_clips.h.
#include "quant/absorb_clips.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/qparams.h"
#include "ops/byte_ranges.h"
#include "ops/op.h"
#include "quant/lower_group.h"

namespace eightfold {
namespace {

// Only this node reads the value.
bool is_between(const Graph& graph, ValueId value) {
  return graph.value(value).uses().size() == 1 && !graph.is_output(value);
}

bool has_twin(const Node& node) {
  const bool clamps = is_quantize(node) || int8_operands(node) != QuantizedOperands::kNone;
  return clamps && find_op(kEightfoldDomain, node.op_type, 1);
}

void set_bounds(Node& node, QRange bounds) {
  node.domain = std::string(kEightfoldDomain);
  node.set_attribute(std::string(kClampMin), bounds.quant_min);
  node.set_attribute(std::string(kClampMax), bounds.quant_max);
}

// Bounds of a Clip on 8-bit integers: min, then max, as ONNX orders them.
std::optional<QRange> integer_bounds(const Graph& graph, const Node& clip) {
  const DType dtype = graph.value(clip.input(0)).type.dtype;
  if (!clip.is("Clip") || !is_quantized_int8(dtype)) return std::nullopt;
  QRange bounds = full_range(dtype);
  const auto read = [&](size_t input, int64_t& bound) {
    if (clip.input(input) == kNone) return true;
    const Tensor* tensor = graph.constant(clip.input(input));
    if (!tensor || tensor->size() != 1 || tensor->dtype() != dtype) return false;
    bound = integers_of(*tensor)[0];
    return true;
  };
  if (!read(1, bounds.quant_min) || !read(2, bounds.quant_max)) return std::nullopt;
  bounds.quant_min = std::min(bounds.quant_min, bounds.quant_max);
  return bounds;
}

void absorb_into_producer(Graph& graph, NodeId id) {
  const ValueId inner = graph.node(id).input(0);
  if (inner == kNone || graph.value(inner).producer() == kNone) return;
  const auto bounds = integer_bounds(graph, graph.node(id));
  const NodeId producer = graph.value(inner).producer();
  const Node& node = graph.node(producer);
  if (!bounds || !has_twin(node) || node.outputs().size() != 1 || !is_between(graph, inner)) return;
  const int64_t lo = node.int_attribute(kClampMin, bounds->quant_min);
  const int64_t hi = node.int_attribute(kClampMax, bounds->quant_max);
  // The outer clamp wins where the two do not meet.
  const QRange both{std::clamp(lo, bounds->quant_min, bounds->quant_max),
                    std::clamp(hi, bounds->quant_min, bounds->quant_max)};
  const ValueId output = graph.node(id).output(0);
  graph.erase_node(id);
  graph.set_output(producer, 0, output);
  set_bounds(graph.node(producer), both);
}

void absorb_into_quantize(Graph& graph, NodeId id) {
  const auto clamp = clamp_of(graph, id);
  const ValueId output = graph.node(id).output(0);
  if (!clamp || !is_between(graph, output)) return;
  const Use use = graph.value(output).uses()[0];
  const Node& quantize = graph.node(use.node);
  if (!is_quantize(quantize) || quantize.domain == kEightfoldDomain || use.index != 0) return;
  const auto operand = written_operand(graph, use.node);
  if (!operand || !operand->per_tensor() || !is_quantized_int8(operand->dtype)) return;
  const IntegerClamp bounds = integer_clamp(graph, *clamp, *operand);
  graph.set_input(use.node, 0, graph.node(id).input(0));
  graph.erase_node(id);
  set_bounds(graph.node(use.node), {bounds.lo, bounds.hi});
}

void drop_idle_clips(Graph& graph) {
  ByteRanges ranges(graph, [&](ValueId id) { return graph.constant(id); });
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const Node& node = graph.node(id);
    const OpDef* op = find_op(graph, node);
    if (!op) continue;
    const auto bounds = node.input(0) == kNone ? std::nullopt : integer_bounds(graph, node);
    if (bounds && !graph.is_output(node.output(0))) {
      const ByteRange x = ranges.of_inputs(node)[0];
      if (x.lo >= bounds->quant_min && x.hi <= bounds->quant_max) {
        graph.replace_uses(node.output(0), node.input(0));
        graph.erase_node(id);
        continue;
      }
    }
    ranges.visit(*op, node);
  }
}

}  // namespace

void absorb_clips(Graph& graph) {
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    absorb_into_producer(graph, id);
    if (graph.alive(id)) absorb_into_quantize(graph, id);
  }
  drop_idle_clips(graph);
}

}  // namespace eightfold
