// What a session does once, whatever the input shapes: types inferred, nodes looked up,
// constants computed, weights packed.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "ir/graph.h"
#include "ops/op.h"

namespace eightfold {

struct PreparedNode {
  const OpDef* op = nullptr;  // null: no implementation; reported when it has to run
  OpState packed;
  bool constant = false;  // its outputs are among the constants: never runs
};

struct PreparedGraph {
  // Weights that only packed nodes use lose their data, but for values among `read`.
  explicit PreparedGraph(Graph source, std::span<const ValueId> read = {});

  // Null when the value is not constant.
  const Tensor* constant(ValueId id) const;

  Graph graph;
  std::vector<PreparedNode> nodes;      // by NodeId
  std::map<ValueId, Tensor> constants;  // initializers and what follows from them alone
  int64_t packed_bytes = 0;             // of the constants that were handed to pack
};

}  // namespace eightfold
