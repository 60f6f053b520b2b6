// See walk.h.
#include "quant/cleanup/walk.h"

#include <algorithm>
#include <cmath>

#include "ir/constant.h"

namespace eightfold {
namespace {

constexpr double kClose = 1e-5;  // relative: constants were written in float32
constexpr size_t kMostFactors = 4;

bool remove_before_output(Graph& graph, NodeId id, ValueId in, ValueId out) {
  const NodeId producer = graph.value(in).producer();
  if (producer == kNone || graph.is_output(in) || is_captured(graph, in)) return false;
  const auto made = graph.node(producer).outputs();
  const auto index = static_cast<size_t>(std::find(made.begin(), made.end(), in) - made.begin());
  graph.erase_node(id);
  graph.replace_uses(in, out);
  graph.set_output(producer, index, out);
  return true;
}

// One step of affine_of: the value behind `value`, or kNone.
ValueId step_back(const Graph& graph, Affine& map) {
  const Node* node = graph.producer(map.of);
  if (node == nullptr || !node->domain.empty() || node->inputs().size() != 2) return kNone;
  const auto left = scalar_constant(graph, node->input(0));
  const auto right = scalar_constant(graph, node->input(1));
  if (left.has_value() == right.has_value()) return kNone;
  const double c = left ? *left : *right;
  if (node->op_type == "Add") {
    map.shift += map.scale * c;
  } else if (node->op_type == "Mul") {
    map.scale *= c;
  } else if (node->op_type == "Sub") {
    map.shift += left ? map.scale * c : -map.scale * c;
    if (left) map.scale = -map.scale;
  } else if (node->op_type == "Div" && right && c != 0) {
    map.scale /= c;
  } else {
    return kNone;
  }
  return node->input(left ? 1 : 0);
}

void collect(const Graph& graph, ValueId value, bool is_root, Product& product) {
  const auto scalar = scalar_constant(graph, value);
  if (scalar) {
    product.scale *= *scalar;
    return;
  }
  const bool may_enter = is_root || is_inner(graph, value);
  const Node* node = may_enter ? graph.producer(value) : nullptr;
  const bool is_binary = node != nullptr && node->domain.empty() && node->inputs().size() == 2;
  const auto right = is_binary ? scalar_constant(graph, node->input(1)) : std::nullopt;
  if (product.factors.size() > kMostFactors) return;
  if (is_binary && node->op_type == "Mul") {
    collect(graph, node->input(0), false, product);
    collect(graph, node->input(1), false, product);
  } else if (is_binary && node->op_type == "Div" && right && *right != 0) {
    product.scale /= *right;
    collect(graph, node->input(0), false, product);
  } else if (is_binary && node->op_type == "Pow" && right && (*right == 2 || *right == 3)) {
    for (int i = 0; i < *right; ++i) product.factors.push_back(node->input(0));
  } else {
    product.factors.push_back(value);
  }
}

}  // namespace

bool is_inner(const Graph& graph, ValueId value) {
  return graph.producer(value) != nullptr && graph.user_count(value) == 1 &&
         !graph.is_output(value);
}

bool is_captured(const Graph& graph, ValueId id) {
  const auto uses = graph.value(id).uses();
  return std::any_of(uses.begin(), uses.end(), [&](const Use& use) {
    return use.index >= static_cast<int32_t>(graph.node(use.node).inputs().size());
  });
}

const Node* made_by(const Graph& graph, ValueId value, std::string_view op_type) {
  const Node* node = value == kNone ? nullptr : graph.producer(value);
  return node != nullptr && node->is(op_type) && node->output(0) == value ? node : nullptr;
}

std::optional<double> scalar_constant(const Graph& graph, ValueId value) {
  const Tensor* tensor = fixed_constant(graph, value);
  if (tensor == nullptr || tensor->dtype() != DType::kFloat32 || tensor->size() != 1) {
    return std::nullopt;
  }
  return tensor->data<float>()[0];
}

std::optional<std::vector<int64_t>> constant_ints(const Graph& graph, ValueId value) {
  const Tensor* tensor = fixed_constant(graph, value);
  if (tensor == nullptr) return std::nullopt;
  const auto list = [](auto data) { return std::vector<int64_t>(data.begin(), data.end()); };
  if (tensor->dtype() == DType::kInt64) return list(tensor->data<int64_t>());
  if (tensor->dtype() == DType::kInt32) return list(tensor->data<int32_t>());
  return std::nullopt;
}

bool same_rank(const Graph& graph, ValueId a, ValueId b) {
  const auto &x = graph.value(a).type.dims, &y = graph.value(b).type.dims;
  return x && y && x->size() == y->size();
}

bool same_shape(const Graph& graph, ValueId a, ValueId b) {
  if (!same_rank(graph, a, b)) return false;
  const Dims &x = *graph.value(a).type.dims, &y = *graph.value(b).type.dims;
  int unknown = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool both = x[i].known() && y[i].known();
    if (both && x[i].value != y[i].value) return false;
    if (both && x[i].value == 0) return false;  // then any extent goes with it
    if (!both && (x[i].name.empty() || x[i] != y[i])) ++unknown;
  }
  return unknown <= 1;
}

bool close(double a, double b) {
  return std::fabs(a - b) <= kClose * std::max(std::fabs(a), std::fabs(b));
}

Affine affine_of(const Graph& graph, ValueId value) {
  Affine map{value};
  for (;;) {
    // A value that others read as well is where the chain starts.
    if (map.of != value && !is_inner(graph, map.of)) return map;
    const ValueId before = step_back(graph, map);
    if (before == kNone) return map;
    map.of = before;
  }
}

Product product_of(const Graph& graph, ValueId value) {
  Product product;
  collect(graph, value, true, product);
  return product;
}

bool bypass(Graph& graph, NodeId id, ValueId in) {
  const ValueId out = graph.node(id).output(0);
  if (in == kNone || out == kNone || is_captured(graph, out)) return false;
  if (graph.is_output(out)) {
    const bool is_next = graph.node(id).input(0) == in;
    return is_next && remove_before_output(graph, id, in, out);
  }
  graph.replace_uses(out, in);
  graph.erase_node(id);
  return true;
}

}  // namespace eightfold
