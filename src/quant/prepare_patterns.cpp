// See prepare_patterns.h.
#include "quant/prepare_patterns.h"

#include <algorithm>

#include "quant/data_inputs.h"
#include "quant/fuse_getters.h"

namespace eightfold {
namespace {

const BackendPatternConfig* single_in(const BackendConfig& backend, const std::string& op) {
  const BackendPatternConfig* bare = nullptr;
  for (const BackendPatternConfig& config : backend.configs()) {
    const Pattern& pattern = config.pattern();
    const bool is_this = pattern.is_single_op() && pattern.attributes.empty() &&
                         std::ranges::find(pattern.ops, op) != pattern.ops.end();
    if (!is_this) continue;
    if (!config.dtype_configs.empty()) return &config;
    if (config.fuser_method.empty()) bare = &config;
  }
  return bare;
}

}  // namespace

bool is_path_of(const std::string& path, const std::string& name) {
  if (!name.starts_with(path)) return false;
  return name.size() == path.size() || name[path.size()] == '/' || name[path.size()] == '.';
}

PatternTable::PatternTable(const Graph& graph, const QConfigMapping& mapping,
                           const BackendConfig& backend, const PrepareCustomConfig& custom)
    : graph_(graph),
      scopes_{{&mapping, &backend}},
      scope_of_(static_cast<size_t>(graph.node_slots()), 0),
      claim_of_(static_cast<size_t>(graph.node_slots()), -1) {
  for (const StandaloneModule& module : custom.standalone_modules) {
    const int index = static_cast<int>(scopes_.size());
    scopes_.push_back(
        {&module.qconfig_mapping, module.backend_config ? &*module.backend_config : &backend});
    for (NodeId id : graph.nodes()) {
      const bool inside = module.op.empty() ? is_path_of(module.name, display_name(graph, id))
                                            : op_identity(graph.node(id)) == module.op;
      int& scope = scope_of_[static_cast<size_t>(id)];
      if (inside && scope == 0) scope = index;
    }
  }
  for (size_t i = 0; i < scopes_.size(); ++i) add_scope(scopes_[i], static_cast<int>(i));
}

void PatternTable::add_scope(const Scope& scope, int index) {
  std::vector<Pattern> patterns;
  std::vector<const BackendPatternConfig*> configs;
  for (const BackendPatternConfig& config : scope.backend->configs()) {
    if (config.dtype_configs.empty()) continue;
    patterns.push_back(config.pattern());
    configs.push_back(&config);
  }
  std::vector<NearMiss> near_misses;
  MatchOptions options;
  options.data_inputs = data_inputs;
  options.near_misses = &near_misses;
  options.accept = [&](const Match& match, std::string*) {
    return std::ranges::all_of(
        match.claimed, [&](NodeId id) { return scope_of_[static_cast<size_t>(id)] == index; });
  };
  for (const Match& match : find_matches(graph_, patterns, options)) {
    const BackendPatternConfig& config = *configs[static_cast<size_t>(match.pattern)];
    const MatchedNode* root = root_node_of(match, config.root_node_getter);
    // A caller's getter has had its say in fuse; here the default serves.
    if (root == nullptr || root->match_all || root->node == kNone) root = root_node_of(match, "");
    const bool finds = root != nullptr && !root->match_all && root->node != kNone;
    for (NodeId id : match.claimed) {
      claim_of_[static_cast<size_t>(id)] = static_cast<int>(claims_.size());
    }
    claims_.push_back({&config, finds ? root->node : match.anchor, match.anchor, match.claimed});
  }
  for (const NearMiss& miss : near_misses) {
    near_misses_[miss.node].push_back(
        {to_text(configs[static_cast<size_t>(miss.pattern)]->pattern()), miss.reason});
  }
}

const Scope& PatternTable::scope_of(NodeId node) const {
  return scopes_[static_cast<size_t>(scope_of_[static_cast<size_t>(node)])];
}

const Claim* PatternTable::claim_of(NodeId node) const {
  const int claim = claim_of_[static_cast<size_t>(node)];
  return claim < 0 ? nullptr : &claims_[static_cast<size_t>(claim)];
}

const BackendPatternConfig* PatternTable::single(NodeId node) const {
  return single_in(*scope_of(node).backend, op_identity(graph_.node(node)));
}

const std::vector<NearPattern>& PatternTable::near_misses(NodeId node) const {
  static const std::vector<NearPattern> none;
  const auto found = near_misses_.find(node);
  return found == near_misses_.end() ? none : found->second;
}

}  // namespace eightfold
