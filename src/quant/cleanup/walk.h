// What the passes of the cleanup ask of a graph: constants by value, chains of arithmetic read
// backwards, shapes that are the same. And the one edit that they share.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

// One node reads it and nothing else does: what made it goes with that node.
bool is_inner(const Graph& graph, ValueId value);
// A body of If, Loop or Scan knows it by its name.
bool is_captured(const Graph& graph, ValueId value);
// Its producer, if that is this plain ONNX operator; else null.
const Node* made_by(const Graph& graph, ValueId value, std::string_view op_type);

// A constant of one float32, and a constant list of int64 or int32, that no caller can override.
std::optional<double> scalar_constant(const Graph& graph, ValueId value);
std::optional<std::vector<int64_t>> constant_ints(const Graph& graph, ValueId value);

bool same_rank(const Graph& graph, ValueId a, ValueId b);  // both known
// Whether a view of `a` that has the type of `b` is of the same shape: the count of elements is
// the same, so one dimension may be unknown.
bool same_shape(const Graph& graph, ValueId a, ValueId b);
// Equal but for rounding.
bool close(double a, double b);

// value = scale * of + shift, through Add, Sub, Mul and Div by scalars; `of` may be the value.
struct Affine {
  ValueId of = kNone;
  double scale = 1, shift = 0;
};
Affine affine_of(const Graph& graph, ValueId value);

// value = scale * factors[0] * factors[1] ..., through Mul, Div by scalars and whole Pow.
struct Product {
  double scale = 1;
  std::vector<ValueId> factors;
};
Product product_of(const Graph& graph, ValueId value);

// All that reads output 0 of the node reads `value` instead, and the node goes. False, and nothing
// is done, where a name that belongs to the caller would be lost.
bool bypass(Graph& graph, NodeId node, ValueId value);
inline bool bypass(Graph& graph, NodeId node) {
  return bypass(graph, node, graph.node(node).input(0));
}

}  // namespace eightfold
