// conv_relu, conv_clip, convtranspose_relu, linear_relu, add_relu, mul_relu and their kin.
//
//   pattern (Relu | Clip, layer): y = min(max(layer(x), lo), hi) becomes eightfold:<layer>
//   pattern (LeakyRelu | Tanh, Gemm): linear_leaky_relu, linear_tanh
//   pattern (LeakyRelu | PRelu, Conv): conv_leaky_relu, conv_prelu
// Refuses Clip whose bounds are computed or may be overridden, PRelu whose slopes are or are not
// one per channel, and what is not float32. Where no pattern asks for it the function stays a node:
// its int8 form is a table of 256 entries.
#include "quant/fusers/fuse_activation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/constant.h"
#include "quant/unfold.h"

namespace eightfold {
namespace {

Verdict check(const Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  return can_fuse_activation(graph, chain[1], chain[0]);
}

void rewrite(Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  fuse_activation(graph, chain[1], chain[0]);
}

Verdict is_float32(const Graph& graph, NodeId layer) {
  const DType dtype = graph.value(graph.node(layer).output(0)).type.dtype;
  if (dtype == DType::kFloat32 || dtype == DType::kUndefined) return accepted();
  return refused("the value is " + std::string(dtype_name(dtype)) + ", not float32");
}

// ---- functions that are no clamp
Verdict check_function(const Graph& graph, const Match& match) {
  return is_float32(graph, chain_of(match)[1]);
}

const Tensor* weight_of(const Graph& graph, NodeId layer) {
  return graph.constant(graph.node(layer).input(1));
}

void rewrite_function(Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  fuse_function(graph, chain[1], chain[0], weight_of(graph, chain[1]));
}

Verdict check_slopes(const Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  if (is_overridable(graph, graph.node(chain[0]).input(1))) {
    return refused("the slopes of PRelu are a graph input that a caller may override");
  }
  if (slopes_of(graph, chain[0], weight_of(graph, chain[1])).empty()) {
    return refused("the slopes of PRelu are not constant floats, one per channel");
  }
  return is_float32(graph, chain[1]);
}

}  // namespace

std::vector<float> slopes_of(const Graph& graph, NodeId prelu, const Tensor* weight) {
  const Tensor* slope = graph.constant(graph.node(prelu).input(1));
  const bool known = weight && weight->rank() > 2 && slope && slope->dtype() == DType::kFloat32;
  if (!known || slope->size() == 0) return {};
  const int64_t channels = weight->shape()[0];
  std::vector<float> slopes(slope->data<float>().begin(), slope->data<float>().end());
  if (!std::ranges::all_of(slopes, [](float s) { return std::isfinite(s); })) return {};
  if (slope->size() == 1) return std::vector(static_cast<size_t>(channels), slopes[0]);
  // [C, 1, ...] against [N, C, ...]: all that is not 1 is the channels.
  const auto rank = static_cast<size_t>(weight->rank()), own = static_cast<size_t>(slope->rank());
  const size_t missing = rank - std::min(rank, own);
  const bool per_channel = own <= rank && missing <= 1 && slope->shape()[1 - missing] == channels &&
                           slope->size() == channels;
  return per_channel ? slopes : std::vector<float>{};
}

void fuse_function(Graph& graph, NodeId layer, NodeId function, const Tensor* weight) {
  const Node& after = graph.node(function);
  Node& node = graph.node(layer);
  node.domain = std::string(kEightfoldDomain);
  node.set_attribute("activation", after.op_type);
  if (after.op_type == "LeakyRelu") {
    node.set_attribute("activation_alpha", after.float_attribute("alpha", 0.01f));
  }
  if (after.op_type == "PRelu") {
    node.set_attribute("activation_slopes", slopes_of(graph, function, weight));
  }
  replace_producer(graph, function, layer);
}

Verdict can_fuse_activation(const Graph& graph, NodeId layer, NodeId activation) {
  if (const Verdict verdict = is_float32(graph, layer); !verdict.ok) return verdict;
  const Node& node = graph.node(activation);
  for (size_t bound : {1, 2}) {
    if (is_overridable(graph, node.input(bound))) {
      return refused("a bound of Clip is a graph input that a caller may override");
    }
  }
  if (!clamp_of(graph, activation)) return refused("the bounds of Clip are not constant");
  return accepted();
}

void fuse_activation(Graph& graph, NodeId layer, NodeId activation) {
  const Clamp clamp = *clamp_of(graph, activation);
  const bool relu = clamp.lo == 0.0f && clamp.hi == std::numeric_limits<float>::infinity();
  Node& node = graph.node(layer);
  node.domain = kEightfoldDomain;
  node.set_attribute("activation", std::string(relu ? "Relu" : "Clip"));
  if (!relu) {
    node.set_attribute("activation_min", clamp.lo);
    node.set_attribute("activation_max", clamp.hi);
  }
  replace_producer(graph, activation, layer);
}

std::vector<Fuser> activation_fusers() {
  std::vector<Fuser> fusers;
  for (std::string_view name :
       {"conv_relu", "conv_clip", "convtranspose_relu", "convtranspose_clip", "linear_relu",
        "linear_clip", "add_relu", "add_clip", "mul_relu", "mul_clip"}) {
    fusers.push_back({name, FuserPhase::kActivation, check, rewrite});
  }
  for (std::string_view name : {"linear_leaky_relu", "linear_tanh", "conv_leaky_relu"}) {
    fusers.push_back({name, FuserPhase::kActivation, check_function, rewrite_function});
  }
  fusers.push_back({"conv_prelu", FuserPhase::kActivation, check_slopes, rewrite_function});
  return fusers;
}

}  // namespace eightfold
