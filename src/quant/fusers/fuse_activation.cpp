// conv_relu, conv_clip, convtranspose_relu, linear_relu, add_relu, mul_relu and their kin.
//
//   pattern (Relu | Clip, layer): y = min(max(layer(x), lo), hi) becomes eightfold:<layer>
//   pattern (LeakyRelu | Tanh, Gemm): linear_leaky_relu, linear_tanh
// Refuses Clip whose bounds are computed or may be overridden, and what is not float32. Where no
// pattern asks for it LeakyRelu stays a node: its int8 form is a table of 256 entries.
#include "quant/fusers/fuse_activation.h"

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

void rewrite_function(Graph& graph, const Match& match) {
  const std::vector<NodeId> chain = chain_of(match);
  const Node& function = graph.node(chain[0]);
  Node& layer = graph.node(chain[1]);
  layer.domain = kEightfoldDomain;
  layer.set_attribute("activation", function.op_type);
  if (function.op_type == "LeakyRelu") {
    layer.set_attribute("activation_alpha", function.float_attribute("alpha", 0.01f));
  }
  replace_producer(graph, chain[0], chain[1]);
}

}  // namespace

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
  for (std::string_view name : {"linear_leaky_relu", "linear_tanh"}) {
    fusers.push_back({name, FuserPhase::kActivation, check_function, rewrite_function});
  }
  return fusers;
}

}  // namespace eightfold
