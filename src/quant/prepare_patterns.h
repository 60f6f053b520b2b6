// Which backend pattern a node of the fused graph belongs to.
#pragma once

#include <map>
#include <vector>

#include "quant/backend_config.h"
#include "quant/route.h"

namespace eightfold {

// The patterns of a backend that name dtypes, found in a graph.
class PatternTable {
 public:
  PatternTable(const Graph& graph, const BackendConfig& backend);

  // The config of the node as an op of its own; null when the backend does not know it.
  const BackendPatternConfig* single(const Node& node) const;

  // A chain such as (Relu, Conv) that was not fused: the root computes, the anchor is observed.
  struct Chain {
    const BackendPatternConfig* config = nullptr;
    NodeId root = kNone, anchor = kNone;
  };
  const Chain* chain_from(NodeId root) const;
  const Chain* chain_to(NodeId anchor) const;

 private:
  std::map<std::string, const BackendPatternConfig*, std::less<>> singles_;
  std::vector<Chain> chains_;
};

}  // namespace eightfold
