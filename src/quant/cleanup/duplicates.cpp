// Equal constants become one, and so do nodes that compute the same of the same values. What is
// random, has bodies, makes an output of the model or is a layer
// stays.
#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "ir/constant.h"
#include "ops/op.h"
#include "quant/cleanup/passes.h"
#include "quant/cleanup/walk.h"

namespace eightfold {
namespace {

bool same_tensor(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

bool may_merge(const Graph& graph, ValueId id) {
  return !graph.is_output(id) && !is_captured(graph, id) &&
         std::ranges::find(graph.inputs, id) == graph.inputs.end();
}

// ---- nodes
bool same_value(const Attribute& a, const Attribute& b) {
  if (a.name != b.name || a.value.index() != b.value.index()) return false;
  return std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, Tensor>) {
          return same_tensor(x, std::get<Tensor>(b.value));
        } else if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, float> ||
                             std::is_same_v<T, std::string> ||
                             std::is_same_v<T, std::vector<int64_t>> ||
                             std::is_same_v<T, std::vector<float>> ||
                             std::is_same_v<T, std::vector<std::string>>) {
          return x == std::get<T>(b.value);
        } else {
          return false;  // bodies, lists of tensors, what is not decoded
        }
      },
      a.value);
}

bool is_random(const Node& node) {
  return node.op_type.starts_with("Random") || node.op_type == "Bernoulli" ||
         node.op_type == "Multinomial" || node.op_type == "Dropout";
}

bool same_node(const Node& a, const Node& b) {
  return a.op_type == b.op_type && a.domain == b.domain &&
         std::ranges::equal(a.inputs(), b.inputs()) && a.outputs().size() == b.outputs().size() &&
         a.captures().empty() && b.captures().empty() &&
         std::ranges::equal(a.attributes, b.attributes, same_value);
}

// A layer, or a pool, stays who it is: QConfigs and patterns may tell it from its twin.
bool may_be_one(const Graph& graph, const Node& node) {
  const OpDef* def = find_op(graph, node);
  return def != nullptr && def->macs == nullptr && def->layout != LayoutRule::kChannelsLast;
}

// All that reads the outputs of `copy` reads those of `kept`.
bool merge_node(Graph& graph, NodeId copy, NodeId kept) {
  const Node &a = graph.node(copy), &b = graph.node(kept);
  for (size_t i = 0; i < a.outputs().size(); ++i) {
    if ((a.output(i) == kNone) != (b.output(i) == kNone)) return false;
    if (a.output(i) != kNone && !may_merge(graph, a.output(i))) return false;
  }
  for (size_t i = 0; i < a.outputs().size(); ++i) {
    if (a.output(i) != kNone) graph.replace_uses(a.output(i), b.output(i));
  }
  graph.erase_node(copy);
  return true;
}

}  // namespace

int merge_constants(Graph& graph) {
  std::map<std::pair<DType, Shape>, std::vector<ValueId>> kinds;
  int merged = 0;
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Tensor* tensor = graph.constant(id);
    if (tensor == nullptr || graph.value(id).uses().empty() || graph.value(id).captured ||
        !may_merge(graph, id)) {
      continue;
    }
    std::vector<ValueId>& kind = kinds[{tensor->dtype(), tensor->shape()}];
    const auto equal = std::ranges::find_if(
        kind, [&](ValueId other) { return same_tensor(*graph.constant(other), *tensor); });
    if (equal == kind.end()) {
      kind.push_back(id);
      continue;
    }
    graph.replace_uses(id, *equal);
    graph.value(id).initializer.reset();
    ++merged;
  }
  return merged;
}

int merge_equal_nodes(Graph& graph) {
  // By what they read first: equal nodes read the same.
  std::map<std::pair<std::string, ValueId>, std::vector<NodeId>> kinds;
  int merged = 0;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    const Node& node = graph.node(id);
    if (node.inputs().empty() || is_random(node) || !may_be_one(graph, node)) continue;
    std::vector<NodeId>& kind = kinds[{node.op_type, node.input(0)}];
    const auto equal = std::ranges::find_if(
        kind, [&](NodeId other) { return same_node(graph.node(other), node); });
    if (equal != kind.end() && merge_node(graph, id, *equal)) {
      ++merged;
    } else {
      kind.push_back(id);
    }
  }
  return merged;
}

}  // namespace eightfold
