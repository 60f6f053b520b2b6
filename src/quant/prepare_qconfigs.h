// Which QConfig a node gets, by its mapping, its part of the model and what was fused into it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ops/op.h"
#include "quant/prepare_patterns.h"

namespace eightfold {

class QConfigTable {
 public:
  QConfigTable(const Graph& graph, const PatternTable& patterns, const PrepareCustomConfig& custom);

  // How a mapping is asked for the node: path, op, and the occurrence of the op in the path. Nodes
  // are asked for in graph order, once each.
  QConfigMapping::Query query_of(NodeId node);
  // Throws kInvalidConfig when the op types of a fused node's members have different QConfigs.
  MaybeQConfig find(NodeId node, const QConfigMapping::Query& query) const;
  // Empty unless the PrepareCustomConfig declares the node not to be looked into.
  std::string why_not_traced(NodeId node) const;

  // A class of float_to_observed_mapping.
  bool is_custom(NodeId node) const;
  // That class is the observed twin of an op with places, which has a preparation of its own.
  bool is_twin(NodeId node, const OpDef* def) const;
  void make_observed(Graph& graph, NodeId node) const;

 private:
  const std::string* observed_of(NodeId node) const;

  const Graph& graph_;
  const PatternTable& patterns_;
  const PrepareCustomConfig& custom_;
  std::map<std::pair<std::string, std::string>, int> occurrences_;
};

}  // namespace eightfold
