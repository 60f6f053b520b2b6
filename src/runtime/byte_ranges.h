// Which integers each 8-bit value of a graph can hold: kernels with narrow sums ask when they pack.
//
//   a constant                           its smallest and largest element
//   clamp_min, clamp_max of a node       those
//   an op that runs on bytes as it is    what the row's byte_range says (OpDef)
//   all else                             the whole range
#pragma once

#include <map>
#include <vector>

#include "ops/op.h"
#include "runtime/prepared_graph.h"

namespace eightfold {

class ByteRanges {
 public:
  explicit ByteRanges(const PreparedGraph& prepared) : prepared_(prepared) {}

  // Nodes in topological order.
  void visit(const OpDef& op, const Node& node);
  std::vector<ByteRange> of_inputs(const Node& node) const;

 private:
  ByteRange of(ValueId value) const;

  const PreparedGraph& prepared_;
  std::map<ValueId, ByteRange> known_;
};

}  // namespace eightfold
