// HardSwish and HardSigmoid, written as Add, Clip, Mul and Div in any order; constants by value.
//
//   s * x * Clip(a x + b, 0, h), s h = 1, s a = 1/6, s b = 1/2   HardSwish(x)
//   s * Clip(a x + b, 0, h), s h = 1                             HardSigmoid(x, s a, s b)
// A sum that a layer before it takes in, with a clamp behind, stays: it costs nothing there.
#include "quant/cleanup/composite.h"
#include "quant/cleanup/passes.h"
#include "quant/cleanup/walk.h"
#include "quant/unfold.h"

namespace eightfold {
namespace {

constexpr int64_t kHasHardSigmoid = 6;  // opset

// value = Clip(scale * of + shift, 0, high)
struct Gate {
  ValueId of = kNone;
  double scale = 1, shift = 0, high = 1;
};

Gate gate_of(const Graph& graph, ValueId value) {
  const NodeId id = graph.value(value).producer();
  if (id == kNone || graph.node(id).output(0) != value) return {};
  const Node& node = graph.node(id);
  if (node.is("HardSigmoid")) {
    return {node.input(0), node.float_attribute("alpha", 0.2f), node.float_attribute("beta", 0.5f)};
  }
  const auto clamp = node.is("Clip") ? clamp_of(graph, id) : std::nullopt;
  if (!clamp || clamp->lo != 0 || !(clamp->hi > 0)) return {};
  const Affine inside = affine_of(graph, node.input(0));
  if (inside.of == node.input(0)) return {};
  return {inside.of, inside.scale, inside.shift, clamp->hi};
}

bool is_layer(const Graph& graph, ValueId value) {
  const Node* node = graph.producer(value);
  return node != nullptr && is_inner(graph, value) &&
         (node->op_type == "Conv" || node->op_type == "Gemm" || node->op_type == "ConvTranspose" ||
          node->op_type == "MatMul" || node->op_type == "BatchNormalization");
}

bool find_swish_at(Graph& graph, NodeId id) {
  if (!makes_floats(graph, id, {"Mul", "Div"})) return false;
  const ValueId output = graph.node(id).output(0);
  const Product product = product_of(graph, output);
  if (product.factors.size() != 2) return false;
  for (size_t i : {0, 1}) {
    const ValueId x = product.factors[i];
    const Gate gate = gate_of(graph, product.factors[1 - i]);
    const bool fits = gate.of == x && close(product.scale * gate.high, 1) &&
                      close(product.scale * gate.scale, 1.0 / 6) &&
                      close(product.scale * gate.shift, 0.5);
    if (!fits || !same_rank(graph, x, output)) continue;
    become(graph, id, "HardSwish", {x});
    return true;
  }
  return false;
}

bool find_sigmoid_at(Graph& graph, NodeId id) {
  if (!makes_floats(graph, id, {"Mul", "Div", "Clip"})) return false;
  const ValueId output = graph.node(id).output(0);
  const Product product = product_of(graph, output);
  if (product.factors.size() != 1) return false;
  const Gate gate = gate_of(graph, product.factors[0]);
  if (gate.of == kNone || gate.shift == 0 || !close(product.scale * gate.high, 1)) return false;
  if (made_by(graph, product.factors[0], "HardSigmoid") != nullptr) return false;
  if (!same_rank(graph, gate.of, output)) return false;
  if (is_layer(graph, gate.of) && product.factors[0] == output) return false;
  become(graph, id, "HardSigmoid", {gate.of},
         {{"alpha", static_cast<float>(product.scale * gate.scale)},
          {"beta", static_cast<float>(product.scale * gate.shift)}});
  return true;
}

}  // namespace

int find_hard_swish(Graph& graph) { return at_each_end(graph, find_swish_at); }

int find_hard_sigmoid(Graph& graph) {
  return graph.opset() < kHasHardSigmoid ? 0 : at_each_end(graph, find_sigmoid_at);
}

}  // namespace eightfold
