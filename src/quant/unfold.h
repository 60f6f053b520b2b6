// Our own domain and plain ONNX: which operator stands for which.
//
// An `eightfold` op is its plain twin followed by a clamp: `eightfold:Conv` with
// activation "Relu" is Conv, Relu; `eightfold:QLinearConv` with clamp_min 3 is
// QLinearConv, Clip on the integers. The twin is the registry's row of the same
// op_type in the ONNX or the com.microsoft domain, so there is no list to keep.
// The few ops that have no twin are split first (unfold_composed.h).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "ir/graph.h"

namespace eightfold {

// Domain of the plain twin of an op; nullopt when there is none.
std::optional<std::string_view> plain_domain(const Graph& graph, std::string_view op_type);

// Integer clamps of the quantized twins, in quantized units.
inline constexpr std::string_view kClampMin = "clamp_min";
inline constexpr std::string_view kClampMax = "clamp_max";

// A monotone float clamp: Relu, Clip, or what a fused node carries.
struct Clamp {
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
  bool operator==(const Clamp&) const = default;
};
// The clamp that a node is (Relu; Clip with constant bounds); nullopt for all others.
std::optional<Clamp> clamp_of(const Graph& graph, NodeId node);
// The clamp that a fused node carries; unbounded when it carries nothing; nullopt when its
// activation is not a clamp.
std::optional<Clamp> fused_clamp(const Node& node);
// The value between an op and what follows it: the op writes it, its old output comes after.
ValueId split_output(Graph& graph, NodeId node, std::string_view suffix);

// First `inner`, then `outer`.
Clamp compose(Clamp inner, Clamp outer);

// Adds out = Clip(in) on integers, right after `after`; returns the node.
NodeId add_integer_clip(Graph& graph, NodeId after, ValueId in, ValueId out, int64_t lo,
                        int64_t hi);

// Opset imports that match the domains in use.
void update_imports(Graph& graph);

}  // namespace eightfold
