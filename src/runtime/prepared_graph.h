// What a session does once, whatever the input shapes: types inferred, nodes looked up,
// constants computed, weights packed. The bodies of If, Loop and Scan are prepared with their node.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ops/op.h"

namespace eightfold {

struct Plan;
struct PreparedGraph;

// A body: fed with its inputs, then with what it captures. Captured constants are its own.
struct PreparedBody {
  std::string attribute;
  std::shared_ptr<const PreparedGraph> graph;
  size_t inputs = 0;
  std::vector<size_t> captures;  // by feed after the inputs: index into Node::captures
};

struct PreparedNode {
  const OpDef* op = nullptr;  // null: no implementation; reported when it has to run
  OpState packed;
  bool constant = false;  // its outputs are among the constants: never runs
  std::vector<PreparedBody> bodies;
  const PreparedBody* body(std::string_view attribute) const;  // null when there is none
};

struct PreparedGraph {
  // Weights that only packed nodes use lose their data, but for values among `read`.
  explicit PreparedGraph(Graph source, std::span<const ValueId> read = {});

  // Null when the value is not constant.
  const Tensor* constant(ValueId id) const;

  // The plan for feeds of these shapes, out of a small cache, most recently used first.
  std::shared_ptr<Plan> plan_for(std::span<const TensorInfo> infos, int cached = 4) const;

  Graph graph;
  std::vector<ValueId> feeds;           // required inputs, then captured values
  std::vector<PreparedNode> nodes;      // by NodeId
  std::map<ValueId, Tensor> constants;  // initializers and what follows from them alone
  int64_t packed_bytes = 0;             // of the constants that were handed to pack
  mutable std::vector<std::shared_ptr<Plan>> plans;
  mutable int plans_made = 0;
};

}  // namespace eightfold
