// LayerNormalization and RMSNormalization over the trailing axes, written in parts.
//
//   c = x - ReduceMean(x) | x;  n = c / Sqrt(ReduceMean(c c) + epsilon);  n * scale [+ bias]
// The root may be Pow(., 0.5), the quotient a product with Reciprocal, 1 / . or Pow(., -0.5).
// Source: ONNX LayerNormalization, opset 17; RMSNormalization, opset 23.
#include <algorithm>

#include "core/heap_sort.h"
#include "ir/constant.h"
#include "ops/op.h"
#include "quant/cleanup/composite.h"
#include "quant/cleanup/passes.h"
#include "quant/cleanup/walk.h"

namespace eightfold {
namespace {

constexpr int64_t kMeanAxesAreInput = 18;

// How many trailing axes a ReduceMean covers, keeping their dims; 0 when it is none such.
int64_t trailing_axes(const Graph& graph, const Node* mean) {
  if (mean == nullptr || mean->int_attribute("keepdims", 1) == 0) return 0;
  const auto& dims = graph.value(mean->input(0)).type.dims;
  if (!dims) return 0;
  const auto rank = static_cast<int64_t>(dims->size());
  auto axes = std::optional(mean->ints_attribute("axes"));
  if (graph.opset() >= kMeanAxesAreInput) axes = constant_ints(graph, mean->input(1));
  if (!axes || axes->empty()) return 0;
  for (int64_t& axis : *axes) axis += axis < 0 ? rank : 0;
  heap_sort(*axes);
  const auto count = static_cast<int64_t>(axes->size());
  for (int64_t i = 0; i < count; ++i) {
    if ((*axes)[static_cast<size_t>(i)] != rank - count + i) return 0;
  }
  return count;
}

struct Normal {
  ValueId centred = kNone;  // c
  int64_t axes = 0;
  float epsilon = 0;
};

// value = mean(c c) + epsilon
Normal variance_of(const Graph& graph, ValueId value) {
  const Affine sum = affine_of(graph, value);
  const Node* mean = made_by(graph, sum.of, "ReduceMean");
  const int64_t axes = trailing_axes(graph, mean);
  if (axes == 0 || sum.scale != 1 || sum.shift < 0) return {};
  const Product square = product_of(graph, mean->input(0));
  if (square.factors.size() != 2 || square.factors[0] != square.factors[1] || square.scale != 1) {
    return {};
  }
  return {square.factors[0], axes, static_cast<float>(sum.shift)};
}

// value = Sqrt(u) for exponent 0.5, 1 / Sqrt(u) for -0.5; u, or kNone.
ValueId under_root(const Graph& graph, ValueId value, double exponent) {
  const Node* node = graph.producer(value);
  if (node == nullptr || !node->domain.empty()) return kNone;
  if (node->op_type == "Pow") {
    const auto power = scalar_constant(graph, node->input(1));
    return power && *power == exponent ? node->input(0) : kNone;
  }
  if (exponent > 0) return node->op_type == "Sqrt" ? node->input(0) : kNone;
  if (node->op_type == "Reciprocal") return under_root(graph, node->input(0), 0.5);
  const bool inverts = node->op_type == "Div" && scalar_constant(graph, node->input(0)) == 1.0;
  return inverts ? under_root(graph, node->input(1), 0.5) : kNone;
}

// value = c / Sqrt(mean(c c) + epsilon)
Normal normal_of(const Graph& graph, ValueId value) {
  const Node* node = graph.producer(value);
  if (node == nullptr || !node->domain.empty() || !is_inner(graph, value)) return {};
  const auto with = [&](size_t c, double exponent) {
    const ValueId under = under_root(graph, node->input(1 - c), exponent);
    const Normal normal = under == kNone ? Normal{} : variance_of(graph, under);
    return normal.centred == node->input(c) ? normal : Normal{};
  };
  if (node->op_type == "Div") return with(0, 0.5);
  if (node->op_type != "Mul") return {};
  const Normal first = with(0, -0.5);
  return first.centred != kNone ? first : with(1, -0.5);
}

// A constant of the shape of the trailing axes.
bool fits_axes(const Graph& graph, ValueId value, const Normal& normal) {
  const Tensor* tensor = fixed_constant(graph, value);
  const Dims& dims = *graph.value(normal.centred).type.dims;
  return tensor != nullptr && tensor->dtype() == DType::kFloat32 && tensor->rank() == normal.axes &&
         std::equal(dims.end() - normal.axes, dims.end(), tensor->shape().begin(),
                    [](const Dim& dim, int64_t extent) { return dim.value == extent; });
}

struct Scaled {
  Normal normal;
  ValueId scale = kNone;
};
Scaled scaled_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  for (size_t i : {0, 1}) {
    const Normal normal = normal_of(graph, node.input(1 - i));
    if (normal.centred != kNone && fits_axes(graph, node.input(i), normal)) {
      return {normal, node.input(i)};
    }
  }
  return {};
}

std::vector<Attribute> attributes_of(const Normal& normal) {
  return {{"axis", -normal.axes}, {"epsilon", normal.epsilon}};
}

// c = x - ReduceMean(x): x, or kNone.
ValueId uncentred(const Graph& graph, const Normal& normal) {
  const Node* difference = made_by(graph, normal.centred, "Sub");
  if (difference == nullptr) return kNone;
  const ValueId x = difference->input(0);
  const Node* mean = made_by(graph, difference->input(1), "ReduceMean");
  const bool fits =
      mean != nullptr && mean->input(0) == x && trailing_axes(graph, mean) == normal.axes;
  return fits ? x : kNone;
}

bool find_layer_at(Graph& graph, NodeId id) {
  if (!makes_floats(graph, id, {"Mul"})) return false;
  const Scaled scaled = scaled_of(graph, id);
  const ValueId x = scaled.scale == kNone ? kNone : uncentred(graph, scaled.normal);
  if (x == kNone) return false;
  std::vector<ValueId> inputs{x, scaled.scale};
  NodeId anchor = id;
  // A bias behind it is the norm's own.
  const ValueId product = graph.node(id).output(0);
  if (is_inner(graph, product)) {
    const NodeId next = graph.value(product).uses()[0].node;
    const Node& sum = graph.node(next);
    const ValueId other = sum.input(sum.input(0) == product ? 1 : 0);
    if (sum.is("Add") && fits_axes(graph, other, scaled.normal)) {
      inputs.push_back(other);
      anchor = next;
    }
  }
  become(graph, anchor, "LayerNormalization", std::move(inputs), attributes_of(scaled.normal));
  return true;
}

bool find_rms_at(Graph& graph, NodeId id) {
  if (!makes_floats(graph, id, {"Mul"})) return false;
  const Scaled scaled = scaled_of(graph, id);
  if (scaled.scale == kNone || uncentred(graph, scaled.normal) != kNone) return false;
  become(graph, id, "RMSNormalization", {scaled.normal.centred, scaled.scale},
         attributes_of(scaled.normal));
  return true;
}

}  // namespace

int find_layer_norm(Graph& graph) { return at_each_end(graph, find_layer_at); }

int find_rms_norm(Graph& graph) {
  const bool is_known = find_op(kEightfoldDomain, "RMSNormalization", 0) != nullptr;
  return is_known ? at_each_end(graph, find_rms_at) : 0;
}

}  // namespace eightfold
