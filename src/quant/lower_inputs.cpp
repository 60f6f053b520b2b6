// Operand lists of the int8 operators, one function per QuantizedOperands.
#include "quant/lower_inputs.h"

#include <algorithm>

#include "quant/convert_pairs.h"
#include "quant/lower_bias.h"

namespace eightfold {
namespace {

using Inputs = std::optional<std::vector<ValueId>>;

void append(std::vector<ValueId>& list, const Operand& operand) {
  list.insert(list.end(), {operand.data, operand.scale, operand.zero_point});
}

void append_output(std::vector<ValueId>& list, const Group& group) {
  list.insert(list.end(), {group.output().scale, group.output().zero_point});
}

bool all_per_tensor(const Group& group, size_t from, size_t to, std::string* why) {
  for (size_t i = from; i < std::min(to, group.inputs.size()); ++i) {
    if (!group.inputs[i] || group.inputs[i]->per_tensor()) continue;
    *why = "an activation is quantized per channel";
    return false;
  }
  return true;
}

bool fits_weight(const Graph& graph, const Group& group, bool must_be_constant, std::string* why) {
  const Operand& weight = *group.inputs[1];
  const Tensor* data = graph.constant(weight.data);
  if (!data && must_be_constant) {
    *why = "its weight is not constant";
    return false;
  }
  if (weight.per_tensor()) return true;
  const auto rank = static_cast<int>(
      data ? data->rank()
           : static_cast<int64_t>(graph.value(weight.data).type.dims.value_or(Dims{}).size()));
  int axis = group.def->weight_axis ? group.def->weight_axis(graph.node(group.node)) : rank;
  if (axis < 0) axis += rank;
  if (weight.axis == axis) return true;
  *why = "its weight is quantized along an axis that is not its output channels";
  return false;
}

// ---- one list per kind
Inputs unary(Graph& graph, const Group& group, std::string* why) {
  if (!all_per_tensor(group, 0, 1, why)) return std::nullopt;
  std::vector<ValueId> list;
  append(list, *group.inputs[0]);
  append_output(list, group);
  for (ValueId parameter : graph.node(group.node).inputs().subspan(1)) {
    if (parameter != kNone && !graph.constant(parameter)) {
      *why = "its parameter '" + graph.value(parameter).name + "' is not a constant";
      return std::nullopt;
    }
    list.push_back(parameter);
  }
  return list;
}

Inputs binary(Graph& graph, const Group& group, std::string* why) {
  // Only a weight (MatMul's right side) may have a scale per channel.
  const bool right_is_weight = group.def->weight_axis != nullptr;
  if (!all_per_tensor(group, 0, right_is_weight ? 1 : 2, why)) return std::nullopt;
  if (right_is_weight && !fits_weight(graph, group, false, why)) return std::nullopt;
  std::vector<ValueId> list;
  append(list, *group.inputs[0]);
  append(list, *group.inputs[1]);
  append_output(list, group);
  return list;
}

Inputs conv(Graph& graph, const Group& group, std::string* why) {
  if (!all_per_tensor(group, 0, 1, why) || !fits_weight(graph, group, true, why)) {
    return std::nullopt;
  }
  const auto bias = integer_bias(graph, group, why);
  if (!bias) return std::nullopt;
  std::vector<ValueId> list;
  append(list, *group.inputs[0]);
  append(list, *group.inputs[1]);
  append_output(list, group);
  if (*bias != kNone) list.push_back(*bias);
  return list;
}

Inputs conv_add(Graph& graph, const Group& group, std::string* why) {
  constexpr size_t kResidual = 3, kPlaces = 9;  // of the float op; before it in the int8 one
  if (group.inputs.size() <= kResidual || !group.inputs[kResidual]) {
    *why = "its residual is missing";
    return std::nullopt;
  }
  if (!all_per_tensor(group, kResidual, kResidual + 1, why)) return std::nullopt;
  auto list = conv(graph, group, why);
  if (!list) return std::nullopt;
  list->resize(kPlaces, kNone);
  append(*list, *group.inputs[kResidual]);
  return list;
}

Inputs gemm(Graph& graph, const Group& group, std::string* why) {
  const Node& node = graph.node(group.node);
  if (node.float_attribute("alpha", 1.0f) != 1.0f || node.float_attribute("beta", 1.0f) != 1.0f) {
    *why = "alpha or beta is not 1";
    return std::nullopt;
  }
  if (!all_per_tensor(group, 0, 1, why) || !fits_weight(graph, group, true, why)) {
    return std::nullopt;
  }
  const auto bias = integer_bias(graph, group, why);
  if (!bias) return std::nullopt;
  std::vector<ValueId> list;
  append(list, *group.inputs[0]);
  append(list, *group.inputs[1]);
  list.push_back(*bias);
  append_output(list, group);
  return list;
}

Inputs variadic(Graph&, const Group& group, std::string* why) {
  if (!all_per_tensor(group, 0, group.inputs.size(), why)) return std::nullopt;
  std::vector<ValueId> list;
  append_output(list, group);
  for (const auto& operand : group.inputs) append(list, *operand);
  return list;
}

// A float parameter (a bound, a fill value) in the integers of the data.
std::optional<ValueId> integer_parameter(Graph& graph, ValueId id, const Operand& data,
                                         std::string* why) {
  const Tensor* tensor = graph.constant(id);
  if (tensor && tensor->dtype() != DType::kFloat32) return id;
  if (const auto operand = dequantized_operand(graph, id)) {
    if (same_params(graph, *operand, data)) return operand->data;
  } else if (tensor && tensor->size() == 1) {
    const int32_t q = quantize(tensor->data<float>()[0], scale_of(graph, data),
                               zero_point_of(graph, data), full_range(data.dtype));
    return graph.add_initializer(graph.unique_name(graph.value(id).name + "_quantized"),
                                 integer_tensor(data.dtype, tensor->shape(), {&q, 1}));
  }
  *why = "its parameter '" + graph.value(id).name + "' is not a constant";
  return std::nullopt;
}

// What Pad fills with when it is not told: 0.0, which is the zero point, not the integer 0.
void spell_out_pad_value(Graph& graph, const Group& group, std::vector<ValueId>& inputs) {
  constexpr size_t kFill = 2;
  if (!graph.node(group.node).is("Pad") || group.inputs.empty()) return;
  if (inputs.size() <= kFill) inputs.resize(kFill + 1, kNone);
  if (inputs[kFill] != kNone) return;
  const Operand& data = *group.inputs[0];
  const int32_t zero_point = zero_point_of(graph, data);
  inputs[kFill] =
      graph.add_initializer(graph.unique_name(graph.value(data.data).name + "_pad_value"),
                            integer_tensor(data.dtype, {}, {&zero_point, 1}));
}

Inputs direct(Graph& graph, const Group& group, std::string* why) {
  if (group.inputs.empty() || !group.inputs[0]) {
    *why = "its data input is not quantized";
    return std::nullopt;
  }
  const Operand& data = *group.inputs[0];
  for (const auto& operand : group.inputs) {
    if (operand && !same_params(graph, data, *operand)) {
      *why = "its inputs have different scales";
      return std::nullopt;
    }
  }
  for (const auto& operand : group.outputs) {
    if (operand && !same_params(graph, data, *operand)) {
      *why = "its output has another scale than its input";
      return std::nullopt;
    }
  }
  const std::vector<ValueId> inputs(graph.node(group.node).inputs().begin(),
                                    graph.node(group.node).inputs().end());
  std::vector<ValueId> list;
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::optional<ValueId> input = inputs[i];
    if (group.inputs[i]) {
      input = group.inputs[i]->data;
    } else if (inputs[i] != kNone && group.def->role(i) == Role::kParameter) {
      input = integer_parameter(graph, inputs[i], data, why);
    }
    if (!input) return std::nullopt;
    list.push_back(*input);
  }
  spell_out_pad_value(graph, group, list);
  return list;
}

}  // namespace

std::optional<std::vector<ValueId>> int8_inputs(Graph& graph, const Group& group,
                                                std::string* why) {
  switch (group.def->form(graph.node(group.node)).operands) {
    case QuantizedOperands::kUnary: return unary(graph, group, why);
    case QuantizedOperands::kBinary: return binary(graph, group, why);
    case QuantizedOperands::kConv: return conv(graph, group, why);
    case QuantizedOperands::kConvAdd: return conv_add(graph, group, why);
    case QuantizedOperands::kGemm: return gemm(graph, group, why);
    case QuantizedOperands::kVariadic: return variadic(graph, group, why);
    case QuantizedOperands::kDirect: return direct(graph, group, why);
    case QuantizedOperands::kPlaces:
      *why = "the file does not say how the inside of its cell is quantized";
      break;
    case QuantizedOperands::kNone: break;
  }
  return std::nullopt;
}

}  // namespace eightfold
