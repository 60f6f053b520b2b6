// Which integers each 8-bit value of a graph can hold: kernels with narrow sums ask when they pack.
//
//   a constant                           its smallest and largest element
//   clamp_min, clamp_max of a node       those
//   an op that runs on bytes as it is    what the row's byte_range says (OpDef)
//   all else                             the whole range
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "ops/op.h"

namespace eightfold {

class ByteRanges {
 public:
  // The constant that a value is, or null.
  using Constants = std::function<const Tensor*(ValueId)>;
  ByteRanges(const Graph& graph, Constants constants)
      : graph_(graph), constants_(std::move(constants)) {}

  // Nodes in topological order.
  void visit(const OpDef& op, const Node& node);
  std::vector<ByteRange> of_inputs(const Node& node) const;

 private:
  ByteRange of(ValueId value) const;

  const Graph& graph_;
  Constants constants_;
  std::map<ValueId, ByteRange> known_;
};

}  // namespace eightfold
