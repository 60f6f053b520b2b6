// See fold_scale_shift.h.
#include "quant/fusers/fold_scale_shift.h"

#include <cmath>

#include "ir/constant.h"

namespace eightfold {
namespace {

constexpr size_t kWeight = 1, kBias = 2;

// Where the output channel of a weight's element is found: (i / inner) % channels, plus the
// group's offset for ConvTranspose.
struct ChannelMap {
  int64_t channels = 0;            // of one group
  int64_t inner = 1;               // elements between neighbours along the channel axis
  int64_t group_size = INT64_MAX;  // elements of one group, where groups follow each other
  int64_t operator()(int64_t i) const { return i / group_size * channels + i / inner % channels; }
};

int64_t elements_after(const Shape& shape, size_t axis) {
  int64_t count = 1;
  for (size_t i = axis + 1; i < shape.size(); ++i) count *= shape[i];
  return count;
}

ChannelMap channel_map(const Node& layer, const Shape& weight) {
  if (layer.op_type == "ConvTranspose") {
    const int64_t groups = layer.int_attribute("group", 1);
    return {weight[1], elements_after(weight, 1), element_count(weight) / groups};
  }
  const bool by_rows = layer.op_type != "Gemm" || layer.int_attribute("transB", 0) != 0;
  const size_t axis = by_rows ? 0 : 1;
  return {weight[axis], elements_after(weight, axis)};
}

bool is_float_constant(const Graph& graph, ValueId id) {
  const Tensor* tensor = fixed_constant(graph, id);
  return tensor != nullptr && tensor->dtype() == DType::kFloat32;
}

std::string why_not_constant(const Graph& graph, ValueId id, const char* what) {
  const std::string name = std::string("the ") + what + " '" + graph.value(id).name + "' ";
  if (is_overridable(graph, id)) return name + "is a graph input that a caller may override";
  if (graph.constant(id) == nullptr) return name + "is computed, not constant";
  return name + "is " + std::string(dtype_name(graph.constant(id)->dtype())) + ", not float32";
}

bool shape_fits(const Node& layer, const Shape& weight) {
  if (layer.op_type == "Gemm") return weight.size() == 2;
  const int64_t groups = layer.int_attribute("group", 1);
  return weight.size() >= 3 && groups > 0 && weight[0] % groups == 0;
}

// The bias as it acts: beta * C for Gemm; zeros where there is none.
std::vector<double> acting_bias(const Graph& graph, NodeId layer, int64_t channels) {
  const Node& node = graph.node(layer);
  const Tensor* bias = graph.constant(node.input(kBias));
  if (bias == nullptr) return std::vector<double>(static_cast<size_t>(channels), 0.0);
  std::vector<double> out =
      per_channel_constant(*bias, channels, 1, node.op_type == "Gemm" ? 2 : 1);
  const double beta = node.op_type == "Gemm" ? node.float_attribute("beta", 1.0f) : 1.0;
  for (double& b : out) b *= beta;
  return out;
}

}  // namespace

std::vector<double> per_channel_constant(const Tensor& constant, int64_t channels,
                                         int64_t channel_axis_from_end, int64_t rank) {
  if (constant.dtype() != DType::kFloat32 || constant.rank() > rank) return {};
  for (int64_t from_end = 1; from_end <= constant.rank(); ++from_end) {
    const int64_t dim = constant.shape()[static_cast<size_t>(constant.rank() - from_end)];
    if (dim != 1 && !(from_end == channel_axis_from_end && dim == channels)) return {};
  }
  const auto values = constant.data<float>();
  if (values.empty()) return {};
  std::vector<double> out(static_cast<size_t>(channels));
  for (size_t c = 0; c < out.size(); ++c) out[c] = values[values.size() == 1 ? 0 : c];
  return out;
}

Verdict can_fold_into(const Graph& graph, NodeId layer) {
  const Node& node = graph.node(layer);
  const ValueId weight = node.input(kWeight), bias = node.input(kBias);
  if (weight == kNone) return refused("the layer has no weight");
  if (!is_float_constant(graph, weight)) return refused(why_not_constant(graph, weight, "weight"));
  if (!shape_fits(node, graph.constant(weight)->shape())) {
    return refused("the weight has shape " + shape_text(graph.constant(weight)->shape()));
  }
  if (bias == kNone) return accepted();
  if (!is_float_constant(graph, bias)) return refused(why_not_constant(graph, bias, "bias"));
  if (acting_bias(graph, layer, output_channels(graph, layer)).empty()) {
    return refused("the bias of shape " + shape_text(graph.constant(bias)->shape()) +
                   " is not one number per output channel");
  }
  return accepted();
}

int64_t output_channels(const Graph& graph, NodeId layer) {
  const Node& node = graph.node(layer);
  const Shape& weight = graph.constant(node.input(kWeight))->shape();
  const int64_t groups =
      node.op_type == "ConvTranspose" ? node.int_attribute("group", 1) : int64_t{1};
  return channel_map(node, weight).channels * groups;
}

void fold_scale_shift(Graph& graph, NodeId layer, const ScaleShift& map) {
  const Node& node = graph.node(layer);
  const ValueId weight = node.input(kWeight), bias = node.input(kBias);
  const int64_t channels = output_channels(graph, layer);

  Tensor folded = *graph.constant(weight);
  const ChannelMap channel_of = channel_map(node, folded.shape());
  const std::span<float> values = folded.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    const auto c = static_cast<size_t>(channel_of(static_cast<int64_t>(i)));
    values[i] = static_cast<float>(values[i] * map.scale[c]);
  }
  const std::vector<double> before = acting_bias(graph, layer, channels);
  std::vector<float> after(before.size());
  for (size_t c = 0; c < after.size(); ++c) {
    after[c] = static_cast<float>(before[c] * map.scale[c] + map.shift[c]);
  }

  const std::string weight_name = graph.value(weight).name;
  const std::string bias_name = bias == kNone ? weight_name + "_bias" : graph.value(bias).name;
  const ValueId new_weight = graph.add_initializer(weight_name + "_folded", std::move(folded));
  const ValueId new_bias =
      graph.add_initializer(bias_name + "_folded", Tensor::of<float>({channels}, after));
  if (node.op_type == "Gemm") graph.node(layer).remove_attribute("beta");
  graph.set_input(layer, kWeight, new_weight);
  graph.set_input(layer, kBias, new_bias);
}

}  // namespace eightfold
