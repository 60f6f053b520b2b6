// Export: the two plain ONNX forms of a quantized model.
//
// to_qdq        DQ - op - Q groups that onnxruntime fuses into integer kernels. A layer whose input
//               is quantized in each run has no such group and would run in float: it is written
//               with integer operators, as in the other form
// to_qoperator  QLinear* operators, clamps as Clip on integers
//
// onnxruntime fuses a Relu between op and Q only where Q's range already clips
// there. Where it does not, the op gets a pair of its own with the same
// parameters, which changes no number: clamping and rounding commute.
#include <algorithm>
#include <set>
#include <string>

#include "core/error.h"
#include "ops/composed.h"
#include "ops/op.h"
#include "ops/upgrade.h"
#include "quant/convert_pairs.h"
#include "quant/lower_dynamic.h"
#include "quant/lower_group.h"
#include "quant/route.h"
#include "quant/unfold.h"

namespace eightfold {
namespace {

constexpr int64_t kPerAxisOpset = 13;
constexpr std::string_view kHardSwish = "HardSwish";

// op -> clamp -> Q, of an op that reads integers; nothing else reads the values between. (What a
// layer carries, like LeakyRelu, reads its float sums: whoever runs it so needs no pair.)
struct ClampedGroup {
  NodeId op, clamp;
  Operand output;
  Clamp bounds;
};

std::optional<ClampedGroup> clamped_group(Graph& graph, NodeId id) {
  const auto bounds = clamp_of(graph, id);
  const ValueId input = graph.node(id).input(0);
  const Node* producer = graph.producer(input);
  if (!bounds || !producer || graph.user_count(input) != 1) return std::nullopt;
  const OpDef* def = find_op(graph, *producer);
  const bool has_integers = def && def->quantized.operands != QuantizedOperands::kNone &&
                            def->form(*producer).operands != QuantizedOperands::kDirect;
  std::string why;
  const auto output = quantized_operand(graph, graph.node(id).output(0), &why);
  if (!has_integers || !output || !dequantized_operand(graph, producer->input(0))) {
    return std::nullopt;
  }
  return ClampedGroup{graph.value(input).producer(), id, *output, *bounds};
}

void insert_pair_before_clamp(Graph& graph, const ClampedGroup& group) {
  const ValueId input = graph.node(group.clamp).input(0);
  const std::string base = graph.value(input).name;
  const QParamValues params{group.output.scale, group.output.zero_point};
  const ValueId quantized =
      add_quantize(graph, {.after = group.op}, input, params, group.output.dtype, base);
  const ValueId output =
      graph.add_value(graph.unique_name(base + "_dequantized"), graph.value(input).type);
  const NodeId quantize = graph.value(quantized).producer();
  const NodeId dequantize =
      add_dequantize(graph, {.after = quantize}, quantized, params, -1, output, base);
  // The pair behind a clamp to a narrow range is named after the same value.
  for (NodeId id : {quantize, dequantize}) graph.node(id).name += "_unclamped";
  graph.set_input(group.clamp, 0, output);
}

void drop_clamp(Graph& graph, const ClampedGroup& group) {
  const ValueId output = graph.node(group.clamp).output(0);
  graph.erase_node(group.clamp);
  graph.set_output(group.op, 0, output);
}

void settle_clamps(Graph& graph) {
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const auto group = clamped_group(graph, id);
    if (!group) continue;
    if (integer_clamp(graph, group->bounds, group->output).binds) {
      insert_pair_before_clamp(graph, *group);
    } else if (!graph.node(id).is("Relu")) {
      // Relu is recognized by its zero point; a Clip's upper bound is compared in floating point,
      // where the top of the range may stand a rounding above it.
      drop_clamp(graph, *group);
    }
  }
}

void require_uint8_activations(const Graph& graph) {
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    if (int8_operands(node) == QuantizedOperands::kNone || node.output(0) == kNone) continue;
    if (graph.value(node.output(0)).type.dtype != DType::kInt8) continue;
    throw Error(ErrorCode::kInvalidConfig,
                "the QOperator format needs uint8 activations, and this model's are int8",
                "quantize with uint8 activations, or export in the QDQ format")
        .at(display_name(graph, id), node.op_type);
  }
}

// HardSwish is kept whole: it has integers of its own.
void keep_hard_swish(Graph& graph) {
  for (NodeId id : graph.nodes()) {
    Node& node = graph.node(id);
    if (node.is(kHardSwish, kEightfoldDomain)) node.domain.clear();
  }
}

// The opset that the content needs.
int64_t needed_opset(const Graph& graph) {
  const bool has_hard_swish =
      std::ranges::any_of(graph.nodes(), [&](NodeId id) { return graph.node(id).is(kHardSwish); });
  return has_hard_swish ? composed_since(kHardSwish) : kPerAxisOpset;
}

void lower_dynamic_layers(Graph& graph) {
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    std::string why;  // it stays what it is
    if (is_dynamic(graph, id)) lower_dynamic(graph, id, &why);
  }
  graph.remove_dead_nodes();
}

// onnxruntime refuses a file in which two nodes have one name: the later ones get a number. The
// passes give each node its own, but a model may come with equal ones, or with one that a pass
// makes.
void number_equal_names(Graph& graph) {
  std::set<std::string> taken;
  for (NodeId id : graph.nodes()) {
    Node& node = graph.node(id);
    if (node.name.empty() || taken.insert(node.name).second) continue;
    const std::string base = node.name;
    for (int number = 2; !taken.insert(node.name).second; ++number) {
      node.name = base + "_" + std::to_string(number);
    }
  }
}

Graph unfolded_and_raised(Graph graph, void (*settle)(Graph&)) {
  keep_hard_swish(graph);
  graph = unfold(graph);
  settle(graph);
  drop_unused_constants(graph);
  number_equal_names(graph);
  const int64_t opset = needed_opset(graph);
  return graph.opset() >= opset ? graph : upgrade_opset(graph, opset);
}

}  // namespace

Graph to_qdq(const Graph& quantized, Remarks*) {
  if (quantized.stage == Stage::kLowered) {
    throw Error(ErrorCode::kInvalidState, "a lowered graph has no QDQ form any more",
                "export the graph that convert returned");
  }
  Graph graph = quantized;
  lower_dynamic_layers(graph);
  return unfolded_and_raised(std::move(graph), settle_clamps);
}

Graph to_qoperator(const Graph& lowered, Remarks*) {
  require_uint8_activations(lowered);
  return unfolded_and_raised(lowered, [](Graph&) {});
}

}  // namespace eightfold
