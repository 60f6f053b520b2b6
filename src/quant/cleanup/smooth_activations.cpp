// Swish (SiLU) and Gelu, written as products; constants by value.
//
//   x * Sigmoid(a x)                                              Swish(x, a)
//   1/2 x (1 + Erf(x / sqrt(2)))                                  Gelu(x)
//   1/2 x (1 + Tanh(sqrt(2 / pi) (x + 0.044715 x^3)))             Gelu(x, tanh)
#include <algorithm>
#include <cmath>
#include <numbers>

#include "ops/op.h"
#include "quant/cleanup/composite.h"
#include "quant/cleanup/passes.h"
#include "quant/cleanup/walk.h"

namespace eightfold {
namespace {

constexpr double kCubic = 0.044715;

// The product at a node as two factors, x first, that `is_pair` accepts in this order.
template <typename Pair>
ValueId first_of_pair(const Graph& graph, const Product& product, ValueId output, Pair&& is_pair) {
  if (product.factors.size() != 2) return kNone;
  for (size_t i : {0, 1}) {
    const ValueId x = product.factors[i], other = product.factors[1 - i];
    if (same_rank(graph, x, output) && is_pair(x, other)) return x;
  }
  return kNone;
}

bool find_swish_at(Graph& graph, NodeId id) {
  if (!makes_floats(graph, id, {"Mul"})) return false;
  const ValueId output = graph.node(id).output(0);
  const Product product = product_of(graph, output);
  if (!close(product.scale, 1)) return false;
  double alpha = 1;
  const ValueId x = first_of_pair(graph, product, output, [&](ValueId x, ValueId gate) {
    const Node* sigmoid = made_by(graph, gate, "Sigmoid");
    if (sigmoid == nullptr) return false;
    const Affine inside = affine_of(graph, sigmoid->input(0));
    alpha = sigmoid->input(0) == x ? 1.0 : inside.scale;
    return sigmoid->input(0) == x || (inside.of == x && inside.shift == 0);
  });
  if (x == kNone) return false;
  become(graph, id, "Swish", {x}, {{"alpha", static_cast<float>(alpha)}});
  return true;
}

// value = x + 0.044715 x^3
bool is_cubic(const Graph& graph, ValueId value, ValueId x) {
  const Node* sum = made_by(graph, value, "Add");
  if (sum == nullptr) return false;
  for (size_t i : {0, 1}) {
    if (sum->input(i) != x) continue;
    const Product cube = product_of(graph, sum->input(1 - i));
    if (cube.factors.size() == 3 && close(cube.scale, kCubic) &&
        std::ranges::all_of(cube.factors, [&](ValueId factor) { return factor == x; })) {
      return true;
    }
  }
  return false;
}

// value = 1 + Erf(x / sqrt(2)), or 1 + Tanh(...).
bool is_bell(const Graph& graph, ValueId value, ValueId x, bool* is_tanh) {
  const Affine outside = affine_of(graph, value);
  if (!close(outside.scale, 1) || !close(outside.shift, 1)) return false;
  if (const Node* erf = made_by(graph, outside.of, "Erf")) {
    const Affine inside = affine_of(graph, erf->input(0));
    return inside.of == x && inside.shift == 0 && close(inside.scale, 1 / std::numbers::sqrt2);
  }
  const Node* tanh = made_by(graph, outside.of, "Tanh");
  if (tanh == nullptr) return false;
  *is_tanh = true;
  const Product inside = product_of(graph, tanh->input(0));
  return inside.factors.size() == 1 && close(inside.scale, std::sqrt(2 / std::numbers::pi)) &&
         is_cubic(graph, inside.factors[0], x);
}

bool find_gelu_at(Graph& graph, NodeId id) {
  if (!makes_floats(graph, id, {"Mul", "Div"})) return false;
  const ValueId output = graph.node(id).output(0);
  const Product product = product_of(graph, output);
  if (!close(product.scale, 0.5)) return false;
  bool is_tanh = false;
  const ValueId x = first_of_pair(graph, product, output, [&](ValueId x, ValueId bell) {
    return is_bell(graph, bell, x, &is_tanh);
  });
  if (x == kNone) return false;
  std::vector<Attribute> attributes;
  if (is_tanh) attributes.push_back({"approximate", std::string("tanh")});
  become(graph, id, "Gelu", {x}, std::move(attributes));
  return true;
}

}  // namespace

// Only where Swish has integers of its own: in parts it runs on them as sigmoid and product.
int find_swish(Graph& graph) {
  const OpDef* swish = find_op(kEightfoldDomain, "Swish", 0);
  const bool has_form = swish != nullptr && swish->quantized.operands != QuantizedOperands::kNone;
  return has_form ? at_each_end(graph, find_swish_at) : 0;
}

int find_gelu(Graph& graph) { return at_each_end(graph, find_gelu_at); }

}  // namespace eightfold
