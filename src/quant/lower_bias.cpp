// Biases in integers (see lower_bias.h).
#include "quant/lower_bias.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "quant/convert_weights.h"

namespace eightfold {
namespace {

std::vector<float> sum_scales(const Graph& graph, const Group& group) {
  const std::span<const float> weight = graph.constant(group.inputs[1]->scale)->data<float>();
  std::vector<float> scales;
  // The weight of a transposed convolution has the channels of one group.
  const Node& node = graph.node(group.node);
  const bool repeats = node.op_type == "ConvTranspose" && weight.size() > 1;
  for (int64_t g = repeats ? node.int_attribute("group", 1) : 1; g > 0; --g) {
    for (float scale : weight) scales.push_back(scale_of(graph, *group.inputs[0]) * scale);
  }
  return scales;
}

// The tolerance onnxruntime has for the scale of a bias: below it the integers are taken as they
// are.
constexpr float kBiasScaleTolerance = 0.01f;

bool scales_agree(std::span<const float> a, std::span<const float> b) {
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const float left = a[a.size() == 1 ? 0 : i];
    const float right = b[b.size() == 1 ? 0 : i];
    if (std::fabs(left - right) > kBiasScaleTolerance * right) return false;
  }
  return true;
}

std::vector<float> dequantized_bias(const Tensor& data, std::span<const float> scales,
                                    const std::vector<int32_t>& zeros) {
  const std::vector<int32_t> integers = integers_of(data);
  std::vector<float> bias(integers.size());
  for (size_t i = 0; i < bias.size(); ++i) {
    bias[i] = dequantize(integers[i], scales[scales.size() == 1 ? 0 : i],
                         zeros[zeros.size() == 1 ? 0 : i]);
  }
  return bias;
}

}  // namespace

std::optional<ValueId> integer_bias(Graph& graph, const Group& group, std::string* why) {
  const ValueId bias = graph.node(group.node).input(2);
  if (bias == kNone) return kNone;
  const std::vector<float> scales = sum_scales(graph, group);
  const auto rewritten = [&](std::span<const float> values) -> std::optional<ValueId> {
    if (scales.size() > 1 && scales.size() != values.size()) {
      *why = "its bias is not one value per output channel";
      return std::nullopt;
    }
    return graph.add_initializer(graph.unique_name(graph.value(bias).name + "_quantized"),
                                 quantize_bias(values, scales));
  };
  if (const auto operand = dequantized_operand(graph, bias)) {
    const Tensor* data = graph.constant(operand->data);
    const std::vector<int32_t> zeros = operand->zero_point == kNone
                                           ? std::vector<int32_t>{0}
                                           : integers_of(*graph.constant(operand->zero_point));
    const bool is_plain = data && operand->dtype == DType::kInt32 &&
                          std::ranges::all_of(zeros, [](int32_t z) { return z == 0; });
    const std::span<const float> own = graph.constant(operand->scale)->data<float>();
    const bool sized =
        data && (scales.size() == 1 || own.size() == 1 || own.size() == scales.size());
    if (is_plain && sized && scales_agree(own, scales)) return operand->data;
    if (data && (own.size() == 1 || static_cast<int64_t>(own.size()) == data->size())) {
      return rewritten(dequantized_bias(*data, own, zeros));
    }
  } else if (const Tensor* values = graph.constant(bias);
             values && values->dtype() == DType::kFloat32 && values->size() > 1) {
    return rewritten(values->data<float>());
  }
  *why = "its bias is not a constant vector";
  return std::nullopt;
}

}  // namespace eightfold
