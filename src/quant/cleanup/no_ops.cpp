// Nodes that hand their input on unchanged. Sources: ONNX operators of these names, opset 1 to 25.
#include <algorithm>
#include <array>

#include "ir/constant.h"
#include "ops/op.h"
#include "quant/cleanup/passes.h"
#include "quant/cleanup/walk.h"

namespace eightfold {
namespace {

constexpr int64_t kTakesInputs = 11;       // Pad; Slice from 10 on
constexpr int64_t kSliceTakesInputs = 10;  // attributes before

bool is_dropout_at_inference(const Graph& graph, const Node& node) {
  if (!node.is("Dropout")) return false;
  if (const ValueId mask = node.output(1);
      mask != kNone && (!graph.value(mask).uses().empty() || graph.is_output(mask))) {
    return false;
  }
  if (graph.opset() < 7) return node.int_attribute("is_test", 0) != 0;
  if (node.input(2) == kNone) return true;
  const Tensor* training = fixed_constant(graph, node.input(2));
  return training != nullptr && training->dtype() == DType::kBool && training->size() == 1 &&
         !training->data<bool>()[0];
}

bool casts_to_its_type(const Graph& graph, const Node& node) {
  const DType from = graph.value(node.input(0)).type.dtype;
  return from != DType::kUndefined && graph.value(node.output(0)).type.dtype == from;
}

bool views_its_shape(const Graph& graph, const Node& node) {
  return same_shape(graph, node.input(0), node.output(0));
}

bool keeps_the_order(const Graph& graph, const Node& node) {
  const auto& dims = graph.value(node.input(0)).type.dims;
  std::vector<int64_t> perm = node.ints_attribute("perm");
  if (perm.empty()) return dims && dims->size() < 2;
  return std::ranges::is_sorted(perm);
}

bool pads_nothing(const Graph& graph, const Node& node) {
  auto pads = std::optional(node.ints_attribute("pads", node.ints_attribute("paddings")));
  if (graph.opset() >= kTakesInputs) pads = constant_ints(graph, node.input(1));
  return pads && std::ranges::all_of(*pads, [](int64_t pad) { return pad == 0; });
}

bool slices_all(const Graph& graph, const Node& node) {
  const auto& in = graph.value(node.input(0)).type.dims;
  const auto& out = graph.value(node.output(0)).type.dims;
  if (!in || !out || in->size() != out->size()) return false;
  if (graph.opset() >= kSliceTakesInputs && node.input(4) != kNone) {
    const auto steps = constant_ints(graph, node.input(4));
    if (!steps || !std::ranges::all_of(*steps, [](int64_t step) { return step == 1; }))
      return false;
  }
  return *in == *out && known_shape(graph.value(node.input(0)).type).has_value();
}

bool expands_to_its_shape(const Graph& graph, const Node& node) {
  const auto in = known_shape(graph.value(node.input(0)).type);
  return in && in == known_shape(graph.value(node.output(0)).type);
}

bool joins_one(const Graph&, const Node& node) { return node.inputs().size() == 1; }

struct Rule {
  std::string_view op_type;
  bool (*is_no_op)(const Graph&, const Node&);
};
constexpr std::array kRules{
    Rule{"Identity", [](const Graph&, const Node&) { return true; }},
    Rule{"Dropout", is_dropout_at_inference},
    Rule{"Cast", casts_to_its_type},
    Rule{"Reshape", views_its_shape},
    Rule{"Flatten", views_its_shape},
    Rule{"Transpose", keeps_the_order},
    Rule{"Pad", pads_nothing},
    Rule{"Slice", slices_all},
    Rule{"Expand", expands_to_its_shape},
    Rule{"Tile", expands_to_its_shape},
    Rule{"Concat", joins_one},
    Rule{"Sum", joins_one},
    Rule{"Max", joins_one},
    Rule{"Min", joins_one},
    Rule{"Mean", joins_one},
};

bool is_all(const Graph& graph, ValueId value, float wanted) {
  const Tensor* tensor = fixed_constant(graph, value);
  return tensor != nullptr && tensor->dtype() == DType::kFloat32 && tensor->size() > 0 &&
         std::ranges::all_of(tensor->data<float>(), [&](float v) { return v == wanted; });
}

// x + 0, x - 0, x * 1, x / 1, x ^ 1: the index of x, or -1.
int neutral_beside(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.inputs().size() != 2) return -1;
  const bool sum = node.op_type == "Add", product = node.op_type == "Mul";
  const bool left_too = sum || product;
  const bool right_only = node.op_type == "Sub" || node.op_type == "Div" || node.op_type == "Pow";
  if (!left_too && !right_only) return -1;
  const float neutral = sum || node.op_type == "Sub" ? 0.0f : 1.0f;
  for (int x : {0, 1}) {
    if (x == 1 && !left_too) break;
    const auto other = static_cast<size_t>(1 - x);
    // The constant must not broadcast x.
    if (is_all(graph, node.input(other), neutral) &&
        (graph.constant(node.input(other))->size() == 1
             ? same_rank(graph, node.input(static_cast<size_t>(x)), node.output(0))
             : same_shape(graph, node.input(static_cast<size_t>(x)), node.output(0)))) {
      return x;
    }
  }
  return -1;
}

bool is_no_op(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.input(0) == kNone || node.output(0) == kNone) return false;
  return std::ranges::any_of(kRules, [&](const Rule& rule) {
    return rule.op_type == node.op_type && rule.is_no_op(graph, node);
  });
}

}  // namespace

int remove_no_ops(Graph& graph) {
  int removed = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const Node& node = graph.node(id);
    if (is_no_op(graph, node)) {
      removed += bypass(graph, id) ? 1 : 0;
      continue;
    }
    const int x = neutral_beside(graph, node);
    if (x < 0) continue;
    const ValueId kept = node.input(static_cast<size_t>(x));
    removed += bypass(graph, id, kept) ? 1 : 0;
  }
  return removed;
}

}  // namespace eightfold
