// See prepare_patterns.h.
#include "quant/prepare_patterns.h"

#include "pattern/match.h"
#include "quant/data_inputs.h"

namespace eightfold {
namespace {

NodeId root_of(const MatchedNode& tree) {
  return tree.args.empty() ? tree.node : root_of(tree.args.back());
}

}  // namespace

PatternTable::PatternTable(const Graph& graph, const BackendConfig& backend) {
  std::vector<Pattern> patterns;
  std::vector<const BackendPatternConfig*> configs;
  for (const BackendPatternConfig& config : backend.configs()) {
    if (config.dtype_configs.empty()) continue;
    if (config.pattern.args.empty()) {
      singles_[config.pattern.op] = &config;
    } else if (leaf_count(config.pattern) == 2) {
      patterns.push_back(config.pattern);
      configs.push_back(&config);
    }
  }
  MatchOptions options;
  options.data_inputs = data_inputs;
  for (const Match& match : find_matches(graph, patterns, options)) {
    chains_.push_back(
        {configs[static_cast<size_t>(match.pattern)], root_of(match.tree), match.anchor});
  }
}

const BackendPatternConfig* PatternTable::single(const Node& node) const {
  const auto found = singles_.find(op_identity(node));
  return found == singles_.end() ? nullptr : found->second;
}

const PatternTable::Chain* PatternTable::chain_from(NodeId root) const {
  for (const Chain& chain : chains_) {
    if (chain.root == root) return &chain;
  }
  return nullptr;
}

const PatternTable::Chain* PatternTable::chain_to(NodeId anchor) const {
  for (const Chain& chain : chains_) {
    if (chain.anchor == anchor) return &chain;
  }
  return nullptr;
}

}  // namespace eightfold
