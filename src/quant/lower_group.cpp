// Finding QDQ groups by the roles of the op's row (see lower_group.h).
#include "quant/lower_group.h"

#include <cmath>

#include "core/qparams.h"

namespace eightfold {
namespace {

bool is_data(Role role) { return role == Role::kActivation || role == Role::kWeight; }

std::string quoted(const Graph& graph, ValueId id) { return "'" + graph.value(id).name + "'"; }

bool collect_inputs(Graph& graph, Group& group, std::string* why) {
  const std::vector<ValueId> inputs(graph.node(group.node).inputs().begin(),
                                    graph.node(group.node).inputs().end());
  group.inputs.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == kNone || !is_data(group.def->role(i))) continue;
    group.inputs[i] = dequantized_operand(graph, inputs[i]);
    if (group.inputs[i] && is_quantized_int8(group.inputs[i]->dtype)) continue;
    *why = "its input " + quoted(graph, inputs[i]) + " is not quantized to 8 bits";
    return false;
  }
  return true;
}

// Steps over clamp nodes, each of which alone reads what the one before makes: an activation, and
// the Clip that keeps a value to a part of its dtype's range.
ValueId after_clamps(const Graph& graph, Group& group, ValueId value) {
  for (;;) {
    const auto uses = graph.value(value).uses();
    if (uses.size() != 1 || uses[0].index != 0 || graph.is_output(value)) return value;
    const auto clamp = clamp_of(graph, uses[0].node);
    if (!clamp) return value;
    group.clamp = compose(group.clamp, *clamp);
    group.tail.push_back(uses[0].node);
    value = graph.node(uses[0].node).output(0);
  }
}

bool collect_outputs(Graph& graph, Group& group, std::string* why) {
  const std::vector<ValueId> outputs(graph.node(group.node).outputs().begin(),
                                     graph.node(group.node).outputs().end());
  group.outputs.resize(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == kNone) continue;
    const ValueId last = outputs.size() == 1 ? after_clamps(graph, group, outputs[i]) : outputs[i];
    group.outputs[i] = quantized_operand(graph, last, why);
    if (!group.outputs[i]) return false;
    group.tail.push_back(group.outputs[i]->node);
  }
  return !group.outputs.empty() && group.outputs[0].has_value();
}

// One data type for all activations, as the integer kernels take them.
bool same_types(const Graph& graph, const Group& group, std::string* why) {
  for (size_t i = 0; i < group.inputs.size(); ++i) {
    const bool is_constant = group.inputs[i] && graph.constant(group.inputs[i]->data);
    if (!group.inputs[i] || is_constant || group.inputs[i]->dtype == group.output().dtype) continue;
    *why = "input and output are quantized to different types";
    return false;
  }
  return true;
}

// eightfold:QGemm takes the same activation attributes as eightfold:Gemm, eightfold:QLinearConv
// those that are slopes.
bool applies_activation(const OpDef& op, const Node& node) {
  if (op.quantized.operands == QuantizedOperands::kGemm) return true;
  return op.op_type == "Conv" && node.string_attribute("activation", "") != "Tanh";
}

}  // namespace

std::optional<Group> collect_group(Graph& graph, NodeId node, std::string* why) {
  Group group;
  group.node = node;
  group.def = find_op(graph, graph.node(node));
  if (!group.def || group.def->quantized.operands == QuantizedOperands::kNone) {
    *why = "the operator has no int8 form";
    return std::nullopt;
  }
  const auto fused = fused_clamp(graph.node(node));
  if (!fused && !applies_activation(*group.def, graph.node(node))) {
    *why = "its fused activation is not a clamp";
    return std::nullopt;
  }
  group.clamp = fused.value_or(Clamp{});
  group.keeps_activation = !fused;
  if (!collect_inputs(graph, group, why) || !collect_outputs(graph, group, why) ||
      !same_types(graph, group, why)) {
    return std::nullopt;
  }
  return group;
}

IntegerClamp integer_clamp(const Graph& graph, Clamp clamp, const Operand& output) {
  const QRange full = full_range(output.dtype);
  const float scale = scale_of(graph, output);
  const int32_t zero_point = zero_point_of(graph, output);
  // Rounding is monotone, so clamping before or after quantization is the same.
  IntegerClamp bounds{full.quant_min, full.quant_max, false};
  if (std::isfinite(clamp.lo)) bounds.lo = quantize(clamp.lo, scale, zero_point, full);
  if (std::isfinite(clamp.hi)) bounds.hi = quantize(clamp.hi, scale, zero_point, full);
  bounds.binds = bounds.lo > full.quant_min || bounds.hi < full.quant_max;
  return bounds;
}

}  // namespace eightfold
