// A ConvTranspose that steps by one is a Conv: with its weight flipped in space and its channel
// axes exchanged within each group, and the pads that are missing to a full window.
//
//   W'[g * O + o, c, t] = W[g * C + c, o, T - 1 - t]      pad' = dilation * (kernel - 1) - pad
// A Conv has one scale per output channel, which the weight [C, O / groups, ...] of a grouped
// ConvTranspose has no axis for, and integer kernels wherever the model runs.
#include <algorithm>

#include "ir/constant.h"
#include "ops/spatial.h"
#include "quant/cleanup/passes.h"

namespace eightfold {
namespace {

// The pads of the Conv, all begins first; nothing where no Conv does the same.
std::optional<std::vector<int64_t>> full_pads(const Node& node, const Shape& weight) {
  const WindowSpec window =
      read_window(node, weight.size() - 2, std::span<const int64_t>(weight).subspan(2));
  const auto is = [](int64_t wanted) { return [=](int64_t value) { return value == wanted; }; };
  const bool fits = std::ranges::all_of(window.strides, is(1)) &&
                    std::ranges::all_of(node.ints_attribute("output_padding"), is(0)) &&
                    node.ints_attribute("output_shape").empty() &&
                    window.auto_pad == AutoPad::kNotSet;
  std::vector<int64_t> pads;
  for (const Shape* side : {&window.pads_begin, &window.pads_end}) {
    for (size_t i = 0; i < window.rank(); ++i) {
      pads.push_back(window.dilations[i] * (window.kernel[i] - 1) - (*side)[i]);
    }
  }
  if (!fits || std::ranges::any_of(pads, [](int64_t pad) { return pad < 0; })) return std::nullopt;
  return pads;
}

Tensor flipped(const Tensor& weight, int64_t groups) {
  Shape shape = weight.shape();
  const int64_t taps = element_count(std::span<const int64_t>(shape).subspan(2));
  const int64_t in = shape[0] / groups, out = shape[1];
  shape[0] = out * groups;
  shape[1] = in;
  std::vector<float> values;
  values.reserve(static_cast<size_t>(weight.size()));
  const float* from = weight.data<float>().data();
  for (int64_t g = 0; g < groups; ++g, from += in * out * taps) {
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t c = 0; c < in; ++c) {
        const float* window = from + (c * out + o) * taps;
        for (int64_t t = taps; t > 0; --t) values.push_back(window[t - 1]);
      }
    }
  }
  return Tensor::of<float>(shape, values);
}

bool to_conv(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.is("ConvTranspose")) return false;
  const Tensor* weight = fixed_constant(graph, node.input(1));
  const int64_t groups = node.int_attribute("group", 1);
  if (!weight || weight->dtype() != DType::kFloat32 || weight->rank() < 3 || groups < 1 ||
      weight->shape()[0] % groups != 0) {
    return false;
  }
  auto pads = full_pads(node, weight->shape());
  if (!pads) return false;
  const std::string name = graph.unique_name(graph.value(node.input(1)).name + "_flipped");
  graph.set_input(id, 1, graph.add_initializer(name, flipped(*weight, groups)));
  Node& conv = graph.node(id);
  conv.op_type = "Conv";
  conv.remove_attribute("output_padding");
  conv.set_attribute("pads", std::move(*pads));
  return true;
}

}  // namespace

int convolve_transposed(Graph& graph) {
  int count = 0;
  for (NodeId id : graph.nodes()) count += to_conv(graph, id) ? 1 : 0;
  return count;
}

}  // namespace eightfold
