// Applies the steps version by version, so that what one step makes is seen by the next.
#include "ops/upgrade.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "ops/op.h"
#include "ops/upgrade_steps.h"

namespace eightfold {
namespace {

struct IrRow {
  int64_t opset, ir_version;
};
// The IR version that came with an opset; files below it are formally wrong.
constexpr IrRow kIrVersions[] = {{25, 13}, {24, 12}, {23, 11}, {21, 10}, {19, 9},
                                 {15, 8},  {12, 7},  {11, 6},  {10, 5},  {9, 4}};

// From IR version 4 on, an initializer that is also listed as a graph input may be overridden by
// the caller. Before, listing was compulsory and meant nothing, so the listing ends here.
void raise_ir_version(Graph& graph, int64_t opset) {
  int64_t& ir_version = graph.model().ir_version;
  for (const IrRow& row : kIrVersions) {
    if (opset < row.opset || ir_version >= row.ir_version) continue;
    if (ir_version < 4) graph.inputs = graph.required_inputs();
    ir_version = row.ir_version;
  }
}

// Ranks and dtypes help some steps. What does not infer in the old form stays unknown; a model
// that is wrong is reported by the session.
void infer_if_possible(Graph& graph) {
  try {
    infer_types(graph);
  } catch (const Error&) {
  }
}

class Upgrader {
 public:
  Upgrader(int64_t to, std::vector<std::string>* notes) : to_(to), notes_(notes) {
    for (const UpgradeStep& step : upgrade_steps()) {
      if (step.to == to) steps_.push_back(step);
    }
  }
  bool empty() const { return steps_.empty(); }

  void upgrade(Graph& graph) const {
    const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
    for (NodeId id : nodes) {
      for (Attribute& attribute : graph.node(id).attributes) upgrade_bodies(attribute, graph);
      upgrade_node(graph, id);
    }
  }

 private:
  void upgrade_bodies(Attribute& attribute, const Graph& parent) const {
    if (auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) {
      upgrade_body(*body, parent);
    } else if (auto* bodies = std::get_if<std::vector<Attribute::GraphPtr>>(&attribute.value)) {
      for (Attribute::GraphPtr& one : *bodies) upgrade_body(one, parent);
    }
  }

  void upgrade_body(Attribute::GraphPtr& held, const Graph& parent) const {
    Graph body(*held);
    body.share_model(parent);
    infer_if_possible(body);
    upgrade(body);
    held = std::make_shared<const Graph>(std::move(body));
  }

  void upgrade_node(Graph& graph, NodeId id) const {
    const std::string op_type = graph.node(id).op_type;
    if (!graph.node(id).domain.empty()) return;
    const std::string name = display_name(graph, id);
    for (const UpgradeStep& step : steps_) {
      if (step.op_type != op_type && step.op_type != kEveryOp) continue;
      if (step.apply({graph, id, to_}) && notes_) {
        notes_->push_back(name + " (" + op_type + ") rewritten to the form of opset " +
                          std::to_string(to_));
      }
    }
  }

  int64_t to_;
  std::vector<std::string>* notes_;
  std::vector<UpgradeStep> steps_;
};

// Bodies must see the versions of the upgraded model even when no step touched them.
void share_with_bodies(Graph& graph) {
  const auto share = [&](Attribute::GraphPtr& held) {
    Graph body(*held);
    body.share_model(graph);
    share_with_bodies(body);
    held = std::make_shared<const Graph>(std::move(body));
  };
  for (NodeId id : graph.nodes()) {
    for (Attribute& attribute : graph.node(id).attributes) {
      if (auto* body = std::get_if<Attribute::GraphPtr>(&attribute.value)) share(*body);
      auto* bodies = std::get_if<std::vector<Attribute::GraphPtr>>(&attribute.value);
      if (bodies) std::for_each(bodies->begin(), bodies->end(), share);
    }
  }
}

}  // namespace

Graph upgrade_opset(const Graph& graph, int64_t target, std::vector<std::string>* notes) {
  const int64_t from = graph.opset();
  if (from >= target) return graph;
  if (target > kNewestUpgrade) {
    throw Error(ErrorCode::kUnsupportedModel,
                "opset " + std::to_string(target) + " is newer than the upgrade table");
  }
  Graph upgraded(graph);
  for (int64_t to = from + 1; to <= target; ++to) {
    const Upgrader upgrader(to, notes);
    if (!upgrader.empty()) {
      infer_if_possible(upgraded);
      upgrader.upgrade(upgraded);
    }
    upgraded.model().opsets.erase("ai.onnx");
    upgraded.model().opsets[""] = to;
  }
  raise_ir_version(upgraded, target);
  share_with_bodies(upgraded);
  infer_if_possible(upgraded);
  return upgraded;
}

}  // namespace eightfold
