// Our own domain unfolded into plain ONNX (see unfold.h): op, then activation or clamp.
#include "quant/unfold.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "ops/op.h"
#include "quant/convert_pairs.h"
#include "quant/route.h"
#include "quant/unfold_composed.h"
#include "quant/unfold_parts.h"
#include "quant/unfold_places.h"

namespace eightfold {
namespace {

constexpr std::string_view kActivation = "activation";
constexpr int64_t kClipTakesInputs = 11;  // attributes before

float scalar_or(const Graph& graph, ValueId id, float fallback) {
  const Tensor* tensor = graph.constant(id);
  return tensor ? tensor->data<float>()[0] : fallback;
}

bool is_float_scalar(const Graph& graph, ValueId id) {
  if (id == kNone) return true;
  const Tensor* tensor = graph.constant(id);
  return tensor && tensor->dtype() == DType::kFloat32 && tensor->size() == 1;
}

struct FloatClip {
  Node node;
  std::vector<ValueId> bounds;
};

FloatClip make_clip(Graph& graph, Clamp clamp, const std::string& base) {
  FloatClip clip;
  clip.node.op_type = "Clip";
  if (graph.opset() < kClipTakesInputs) {
    if (clamp.lo > -INFINITY) clip.node.set_attribute("min", clamp.lo);
    if (clamp.hi < INFINITY) clip.node.set_attribute("max", clamp.hi);
    return clip;
  }
  const auto bound = [&](const char* name, float value) {
    return std::isfinite(value) ? graph.add_initializer(base + name, Tensor::scalar(value)) : kNone;
  };
  clip.bounds = {bound("_min", clamp.lo), bound("_max", clamp.hi)};
  while (!clip.bounds.empty() && clip.bounds.back() == kNone) clip.bounds.pop_back();
  return clip;
}

// One slope per channel, in the shape that broadcasts against [N, C, spatial...].
ValueId slope_row(Graph& graph, NodeId layer, const std::vector<float>& slopes,
                  const std::string& base) {
  const auto& dims = graph.value(graph.node(layer).input(1)).type.dims;
  Shape shape(dims && dims->size() > 2 ? dims->size() - 1 : 3, 1);
  shape[0] = static_cast<int64_t>(slopes.size());
  return graph.add_initializer(graph.unique_name(base + "_slope"),
                               Tensor::of<float>(shape, slopes));
}

void unfold_activation(Graph& graph, NodeId id) {
  const std::string activation = graph.node(id).string_attribute(kActivation, "");
  const auto clamp = fused_clamp(graph.node(id));
  const float alpha = graph.node(id).float_attribute("activation_alpha", 0.01f);
  const std::vector<float> slopes = graph.node(id).floats_attribute("activation_slopes");
  for (const char* name : {"activation", "activation_min", "activation_max", "activation_alpha",
                           "activation_slopes"}) {
    graph.node(id).remove_attribute(name);
  }
  if (activation.empty()) return;
  const ValueId output = graph.node(id).output(0);
  const ValueId inner = split_output(graph, id, "_preactivation");
  const std::string name = graph.node(id).name + "_" + activation;
  FloatClip after;
  if (activation == "Clip") {
    after = make_clip(graph, *clamp, name);
  } else {
    after.node.op_type = activation;
    if (activation == "LeakyRelu") after.node.set_attribute("alpha", alpha);
    if (activation == "PRelu") after.bounds = {slope_row(graph, id, slopes, name)};
  }
  after.node.name = name;
  std::vector<ValueId> inputs{inner};
  inputs.insert(inputs.end(), after.bounds.begin(), after.bounds.end());
  graph.insert_after(id, std::move(after.node), std::move(inputs), {output});
}

void unfold_integer_clamp(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.has_attribute(kClampMin) && !node.has_attribute(kClampMax)) return;
  const ValueId output = node.output(0);
  const QRange full = full_range(graph.value(output).type.dtype);
  const int64_t lo = node.int_attribute(kClampMin, full.quant_min);
  const int64_t hi = node.int_attribute(kClampMax, full.quant_max);
  graph.node(id).remove_attribute(kClampMin);
  graph.node(id).remove_attribute(kClampMax);
  if (lo <= full.quant_min && hi >= full.quant_max) return;
  add_integer_clip(graph, id, split_output(graph, id, "_unclamped"), output, lo, hi);
}

void unfold_node(Graph& graph, NodeId id) {
  if (graph.node(id).domain != kEightfoldDomain || unfold_places(graph, id) ||
      unfold_parts(graph, id)) {
    return;
  }
  if (const std::vector<NodeId> parts = split_composed(graph, id); !parts.empty()) {
    for (NodeId part : parts) unfold_node(graph, part);
    return;
  }
  const auto domain = plain_domain(graph, graph.node(id).op_type);
  if (!domain) {
    throw Error(ErrorCode::kUnsupportedOp, "this operator has no plain ONNX form")
        .at(graph.node(id).name, graph.node(id).op_type);
  }
  graph.node(id).domain = std::string(*domain);
  unfold_activation(graph, id);
  unfold_integer_clamp(graph, id);
}

}  // namespace

std::optional<std::string_view> plain_domain(const Graph& graph, std::string_view op_type) {
  for (std::string_view domain : {std::string_view{}, kMicrosoftDomain}) {
    if (find_op(domain, op_type, graph.opset(domain))) return domain;
  }
  return std::nullopt;
}

std::optional<Clamp> clamp_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.is("Relu")) return Clamp{0.0f, INFINITY};
  if (!node.is("Clip")) return std::nullopt;
  const Clamp attributes{node.float_attribute("min", -INFINITY),
                         node.float_attribute("max", INFINITY)};
  if (!is_float_scalar(graph, node.input(1)) || !is_float_scalar(graph, node.input(2))) {
    return std::nullopt;
  }
  const Clamp clamp{scalar_or(graph, node.input(1), attributes.lo),
                    scalar_or(graph, node.input(2), attributes.hi)};
  // ONNX: when min > max every element becomes max.
  return Clamp{std::min(clamp.lo, clamp.hi), clamp.hi};
}

std::optional<Clamp> fused_clamp(const Node& node) {
  const std::string activation = node.string_attribute(kActivation, "");
  if (activation.empty()) return Clamp{};
  if (activation == "Relu") return Clamp{0.0f, INFINITY};
  if (activation != "Clip") return std::nullopt;
  return Clamp{node.float_attribute("activation_min", -INFINITY),
               node.float_attribute("activation_max", INFINITY)};
}

ValueId split_output(Graph& graph, NodeId id, std::string_view suffix) {
  const ValueId output = graph.node(id).output(0);
  const ValueId inner = graph.add_value(
      graph.unique_name(graph.value(output).name + std::string(suffix)), graph.value(output).type);
  graph.set_output(id, 0, inner);
  return inner;
}

Clamp compose(Clamp inner, Clamp outer) {
  return {std::min(std::max(inner.lo, outer.lo), outer.hi),
          std::min(std::max(inner.hi, outer.lo), outer.hi)};
}

NodeId add_integer_clip(Graph& graph, NodeId after, ValueId in, ValueId out, int64_t lo,
                        int64_t hi) {
  const DType dtype = graph.value(in).type.dtype;
  const std::string name = graph.value(out).name;
  const auto bound = [&](const char* suffix, int64_t bound_value) {
    const auto narrow = static_cast<int32_t>(bound_value);
    return graph.add_initializer(name + suffix, integer_tensor(dtype, {}, {&narrow, 1}));
  };
  Node clip;
  clip.op_type = "Clip";
  clip.name = graph.node(after).name + "_Clip";
  const ValueId min = bound("_min", lo);
  const ValueId max = bound("_max", hi);
  return graph.insert_after(after, std::move(clip), {in, min, max}, {out});
}

void update_imports(Graph& graph) {
  std::set<std::string_view> used;
  for (NodeId id : graph.nodes()) used.insert(graph.node(id).domain);
  for (std::string_view domain : {kMicrosoftDomain, kEightfoldDomain}) {
    auto& opsets = graph.model().opsets;
    const auto entry = opsets.find(domain);
    if (!used.contains(domain)) {
      if (entry != opsets.end()) opsets.erase(entry);
    } else if (entry == opsets.end()) {
      opsets.emplace(std::string(domain), 1);
    }
  }
}

Graph unfold(const Graph& fused) {
  Graph graph = fused;
  const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
  for (NodeId id : nodes) {
    if (graph.alive(id)) unfold_node(graph, id);
  }
  update_imports(graph);
  return graph;
}

}  // namespace eightfold
