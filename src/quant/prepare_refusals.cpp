// See prepare_refusals.h.
#include "quant/prepare_refusals.h"

#include "ir/constant.h"
#include "quant/data_inputs.h"

namespace eightfold {
namespace {

std::string why_data_is_not_float(const Graph& graph, NodeId id) {
  for (ValueId input : data_inputs(graph, id)) {
    const Value& value = graph.value(input);
    if (value.type.dtype == DType::kFloat32) continue;
    if (value.initializer && value.initializer->dtype() == DType::kFloat32) continue;
    if (value.type.dtype == DType::kUndefined) {
      return "the dtype of its input '" + value.name + "' is not known";
    }
    return "its input '" + value.name + "' is " + std::string(dtype_name(value.type.dtype)) +
           ", not float32";
  }
  return {};
}

// Weights and biases are turned into integers once, so they must stay what they are.
std::string why_weights_are_unfit(const Graph& graph, NodeId id, const OpDef& def) {
  const Node& node = graph.node(id);
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const ValueId input = node.input(i);
    const Role role = def.role(i);
    if (input == kNone || (role != Role::kWeight && role != Role::kBias)) continue;
    const std::string name = std::string(role == Role::kWeight ? "its weight '" : "its bias '") +
                             graph.value(input).name + "'";
    const Tensor* tensor = fixed_constant(graph, input);
    if (tensor != nullptr && tensor->dtype() == DType::kFloat32) continue;
    if (tensor != nullptr) {
      return name + " is " + std::string(dtype_name(tensor->dtype())) + ", not float32";
    }
    if (is_overridable(graph, input)) {
      return name + " is a graph input that a caller may override";
    }
    // The product of two computed values has an integer form of its own.
    const bool two_activations =
        role == Role::kWeight && def.quantized.operands == QuantizedOperands::kBinary;
    if (!two_activations) return name + " is computed, not constant";
  }
  return {};
}

std::string why_form_is_unfit(const Graph& graph, const Node& node) {
  if (node.is("Resize") || node.is("Upsample")) {
    const std::string mode = node.string_attribute("mode", "nearest");
    if (mode == "cubic") return "it interpolates (cubic) and so leaves the range of its input";
  }
  if (node.is("MaxPool") && node.output(1) != kNone) {
    const ValueId indices = node.output(1);
    if (!graph.value(indices).uses().empty() || graph.is_output(indices)) {
      return "its indices are used";
    }
  }
  if (node.is("Pad") && node.string_attribute("mode", "constant") == "constant") {
    const ValueId fill = node.input(2);
    if (fill != kNone && fixed_constant(graph, fill) == nullptr) return "its fill is not constant";
  }
  return {};
}

}  // namespace

int constant_weight_input(const Graph& graph, NodeId id, const OpDef& def) {
  const Node& node = graph.node(id);
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    if (def.role(i) == Role::kWeight && graph.constant(node.input(i)) != nullptr) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

std::string why_float(const Graph& graph, NodeId id, const OpDef* def) {
  const Node& node = graph.node(id);
  if (node.has_bodies()) return "it runs bodies, whose nodes are not quantized";
  if (def == nullptr) return "the operator is not known";
  if (data_inputs(graph, id).empty()) return "it takes no data";
  std::string reason = why_data_is_not_float(graph, id);
  if (reason.empty()) reason = why_weights_are_unfit(graph, id, *def);
  if (reason.empty()) reason = why_form_is_unfit(graph, node);
  return reason;
}

}  // namespace eightfold
