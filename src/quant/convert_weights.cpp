// The arithmetic of weights and biases (see convert_weights.h).
#include "quant/convert_weights.h"

#include <algorithm>
#include <cmath>

#include "quant/convert_pairs.h"

namespace eightfold {
namespace {

QRange weight_range(const QParams& qparams) { return {qparams.quant_min, qparams.quant_max}; }

ValueId scaled_copy(Graph& graph, ValueId id, float factor) {
  const Value& value = graph.value(id);
  Tensor scaled = *value.initializer;
  for (float& element : scaled.mutable_data<float>()) element *= factor;
  return graph.add_initializer(graph.unique_name(value.name + "_scaled"), std::move(scaled));
}

}  // namespace

ChannelWalk::ChannelWalk(std::span<const int64_t> shape, int axis) {
  const auto rank = static_cast<int>(shape.size());
  if (axis < 0) {
    inner = element_count(shape);
    return;
  }
  if (axis >= rank) throw Error(ErrorCode::kInvalidShape, "the channel axis exceeds the rank");
  for (int i = 0; i < rank; ++i) {
    int64_t& part = i < axis ? outer : i == axis ? channels : inner;
    part *= shape[static_cast<size_t>(i)];
  }
}

Tensor quantize_weight(const Tensor& weight, const QParams& qparams) {
  const std::span<const float> w = weight.data<float>();
  std::vector<int32_t> q(w.size());
  ChannelWalk(weight.shape(), qparams.axis).each([&](int64_t flat, int64_t channel) {
    const auto i = static_cast<size_t>(flat);
    const auto c = static_cast<size_t>(channel);
    q[i] = quantize(w[i], qparams.scale[c], qparams.zero_point[c], weight_range(qparams));
  });
  return integer_tensor(qparams.dtype, weight.shape(), q);
}

std::vector<float> fake_quantize_weight(const Tensor& weight, const QParams& qparams) {
  const std::span<const float> w = weight.data<float>();
  std::vector<float> out(w.size());
  ChannelWalk(weight.shape(), qparams.axis).each([&](int64_t flat, int64_t channel) {
    const auto i = static_cast<size_t>(flat);
    const auto c = static_cast<size_t>(channel);
    out[i] = fake_quantize(w[i], qparams.scale[c], qparams.zero_point[c], weight_range(qparams));
  });
  return out;
}

std::optional<WeightedNode> weighted_node(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  WeightedNode weighted;
  weighted.def = find_op(graph, node);
  if (!weighted.def || !weighted.def->weight_axis) return std::nullopt;
  const auto& roles = weighted.def->inputs;
  const auto weight = std::find(roles.begin(), roles.end(), Role::kWeight);
  if (weight == roles.end()) return std::nullopt;
  weighted.weight_input = static_cast<size_t>(weight - roles.begin());
  const auto bias = std::find(roles.begin(), roles.end(), Role::kBias);
  if (bias != roles.end()) weighted.bias_input = static_cast<size_t>(bias - roles.begin());
  const Tensor* tensor = graph.constant(node.input(weighted.weight_input));
  if (!tensor || tensor->dtype() != DType::kFloat32 || tensor->rank() < 1) return std::nullopt;
  weighted.axis = weighted.def->weight_axis(node);
  if (weighted.axis < 0) weighted.axis += static_cast<int>(tensor->rank());
  if (weighted.axis < 0 || weighted.axis >= tensor->rank()) return std::nullopt;
  weighted.channels = tensor->shape()[static_cast<size_t>(weighted.axis)];
  return weighted;
}

std::optional<std::vector<float>> bias_vector(const Graph& graph, NodeId id,
                                              const WeightedNode& weighted) {
  const auto channels = static_cast<size_t>(weighted.channels);
  const Node& node = graph.node(id);
  const ValueId bias = weighted.bias_input ? node.input(*weighted.bias_input) : kNone;
  if (bias == kNone) return std::vector<float>(channels, 0.0f);
  const Tensor* tensor = graph.constant(bias);
  if (!tensor || tensor->dtype() != DType::kFloat32) return std::nullopt;
  const std::span<const float> b = tensor->data<float>();
  if (b.size() == 1) return std::vector<float>(channels, b[0]);
  const bool is_row = tensor->rank() >= 1 && tensor->shape().back() == weighted.channels;
  if (b.size() != channels || !is_row) return std::nullopt;
  return std::vector<float>(b.begin(), b.end());
}

std::vector<float> bias_scales(float input_scale, const QParams& weight) {
  std::vector<float> scales;
  for (float scale : weight.scale) scales.push_back(input_scale * scale);
  return scales;
}

Tensor quantize_bias(std::span<const float> bias, std::span<const float> scales) {
  std::vector<int32_t> q(bias.size());
  for (size_t c = 0; c < bias.size(); ++c) {
    const double scale = scales[scales.size() == 1 ? 0 : c];
    const double rounded = std::nearbyint(static_cast<double>(bias[c]) / scale);
    q[c] = static_cast<int32_t>(std::clamp<double>(rounded, INT32_MIN, INT32_MAX));
  }
  return integer_tensor(DType::kInt32, {static_cast<int64_t>(q.size())}, q);
}

int enlarge_scales_for_bias(QParams& weight, std::span<const float> bias, float input_scale,
                            int64_t weights_per_channel) {
  // Room for the products: 255 * 128 each. Kernels refuse layers whose products alone overflow.
  const int64_t room = int64_t{INT32_MAX} - weights_per_channel * 255 * 128;
  const auto limit = static_cast<double>(std::max<int64_t>(room, int64_t{1} << 30));
  int enlarged = 0;
  for (size_t s = 0; s < weight.scale.size(); ++s) {
    double largest = 0;
    if (weight.scale.size() == 1) {
      for (float b : bias) largest = std::max(largest, std::fabs(static_cast<double>(b)));
    } else {
      largest = std::fabs(static_cast<double>(bias[s]));
    }
    const auto fits = [&] {
      return largest <= limit * static_cast<double>(input_scale * weight.scale[s]);
    };
    if (fits()) continue;
    weight.scale[s] = static_cast<float>(largest / (limit * static_cast<double>(input_scale)));
    while (!fits()) weight.scale[s] = std::nextafter(weight.scale[s] * 1.0001f, INFINITY);
    ++enlarged;
  }
  return enlarged;
}

bool fold_gemm_factors(Graph& graph, NodeId id) {
  const float alpha = graph.node(id).float_attribute("alpha", 1.0f);
  const float beta = graph.node(id).float_attribute("beta", 1.0f);
  const ValueId weight = graph.node(id).input(1);
  const ValueId bias = graph.node(id).input(2);
  // Both or none: half a fold would leave a node that is neither form.
  const bool foldable = graph.constant(weight) && (bias == kNone || graph.constant(bias));
  if ((alpha == 1.0f && beta == 1.0f) || !foldable) return false;
  if (alpha != 1.0f) graph.set_input(id, 1, scaled_copy(graph, weight, alpha));
  if (beta != 1.0f && bias != kNone) graph.set_input(id, 2, scaled_copy(graph, bias, beta));
  graph.node(id).remove_attribute("alpha");
  graph.node(id).remove_attribute("beta");
  return alpha != 1.0f || beta != 1.0f;
}

}  // namespace eightfold
