// Which backend pattern a node of the fused graph belongs to, in which part of the model.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pattern/match.h"
#include "quant/backend_config.h"
#include "quant/route.h"

namespace eightfold {

// A part of the model with a mapping and a target of its own: the model itself, or a standalone
// module.
struct Scope {
  const QConfigMapping* mapping = nullptr;
  const BackendConfig* backend = nullptr;
};

// A match of a pattern that names dtypes: the root computes, the anchor's output is observed.
struct Claim {
  const BackendPatternConfig* config = nullptr;
  NodeId root = kNone, anchor = kNone;
  std::vector<NodeId> nodes;
};

class PatternTable {
 public:
  PatternTable(const Graph& graph, const QConfigMapping& mapping, const BackendConfig& backend,
               const PrepareCustomConfig& custom);

  const Scope& scope_of(NodeId node) const;
  bool is_standalone(NodeId node) const { return scope_of_[static_cast<size_t>(node)] != 0; }
  // The claim on the node; null when no pattern claims it.
  const Claim* claim_of(NodeId node) const;
  // The config of the node as an op of its own; null when its backend does not know it.
  const BackendPatternConfig* single(NodeId node) const;
  // Patterns that came close at this node.
  const std::vector<NearPattern>& near_misses(NodeId node) const;

 private:
  void add_scope(const Scope& scope, int index);

  const Graph& graph_;
  std::vector<Scope> scopes_;
  std::vector<int> scope_of_;  // by node
  std::vector<Claim> claims_;
  std::vector<int> claim_of_;  // by node
  std::map<NodeId, std::vector<NearPattern>> near_misses_;
};

// Whether `path` names `name` or something above it, split at '/' and '.'.
bool is_path_of(const std::string& path, const std::string& name);

}  // namespace eightfold
