// fuse: Graph(Float) -> Graph(Fused), by the patterns of a backend that name a fuser.
//
//   cleanup -> fold (BatchNormalization, constants, Pad, MatMul + Add) to its fixpoint
//           -> activations to their fixpoint
// Larger patterns go first; the fused node keeps the root's name and makes the anchor's value.
#include <algorithm>

#include "ops/op.h"
#include "quant/data_inputs.h"
#include "quant/fuse_cleanup.h"
#include "quant/fuse_inputs.h"
#include "quant/fusers/fuser.h"
#include "quant/route.h"
#include "quant/unfold.h"
#include "runtime/fold_constants.h"

namespace eightfold {
namespace {

std::vector<Fuser> all_fusers() {
  std::vector<Fuser> all;
  for (auto family :
       {batch_norm_fusers, constant_fusers, matmul_fusers, pad_fusers, activation_fusers}) {
    for (const Fuser& fuser : family()) all.push_back(fuser);
  }
  return all;
}

// ---- the node of a match that survives, by name
NodeId last_leaf(const MatchedNode& tree) {
  return tree.args.empty() ? tree.node : last_leaf(tree.args.back());
}
NodeId first_leaf(const MatchedNode& tree) {
  return tree.args.empty() ? tree.node : first_leaf(tree.args.front());
}
NodeId anchor(const MatchedNode& tree) { return tree.node; }

struct RootGetter {
  std::string_view name;
  NodeId (*get)(const MatchedNode&);
};
constexpr RootGetter kRootGetters[] = {{"", last_leaf}, {"first", first_leaf}, {"anchor", anchor}};

template <typename Row, typename Rows>
const Row& find_row(const Rows& rows, std::string_view name, const char* what) {
  std::string known;
  for (const Row& row : rows) {
    if (row.name == name) return row;
    if (!row.name.empty()) known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(ErrorCode::kInvalidConfig,
              "there is no " + std::string(what) + " named '" + std::string(name) + "'",
              "known are " + known);
}

// One phase: the patterns whose fusers belong to it.
class Phase {
 public:
  Phase(FuserPhase phase, const BackendConfig& backend, const std::vector<Fuser>& fusers) {
    for (const BackendPatternConfig& config : backend.configs()) {
      if (config.fuser.empty()) continue;
      const Fuser& fuser = find_row<Fuser>(fusers, config.fuser, "fuser");
      const RootGetter& getter =
          find_row<RootGetter>(kRootGetters, config.root_getter, "root getter");
      if (fuser.phase != phase) continue;
      patterns_.push_back(config.pattern);
      fusers_.push_back(fuser);
      getters_.push_back(getter);
    }
  }

  // Until no pattern fits; the near misses of the last round are the lasting ones.
  void run(Graph& graph, Remarks* remarks) {
    std::vector<NearMiss> near_misses;
    while (round(graph, &near_misses, remarks)) near_misses.clear();
    if (remarks != nullptr) report_near_misses(graph, near_misses, *remarks);
  }

 private:
  bool round(Graph& graph, std::vector<NearMiss>* near_misses, Remarks* remarks) {
    MatchOptions options;
    options.data_inputs = data_inputs;
    options.near_misses = near_misses;
    options.accept = [&](const Match& match, std::string* why_not) {
      Verdict verdict = fuser(match.pattern).check(graph, match);
      *why_not = std::move(verdict.reason);
      return verdict.ok;
    };
    const std::vector<Match> matches = find_matches(graph, patterns_, options);
    for (const Match& match : matches) {
      if (remarks != nullptr) remarks->push_back(describe(graph, match));
      fuser(match.pattern).rewrite(graph, match);
    }
    return !matches.empty();
  }

  const Fuser& fuser(int pattern) const { return fusers_[static_cast<size_t>(pattern)]; }

  Remark describe(const Graph& graph, const Match& match) const {
    const NodeId root = getters_[static_cast<size_t>(match.pattern)].get(match.tree);
    std::string members;
    for (size_t i = match.claimed.size(); i-- > 0;) {
      const Node& node = graph.node(match.claimed[i]);
      members += (members.empty() ? ""
                  : i == 0        ? " and "
                                  : ", ") +
                 node.op_type + " '" + display_name(graph, match.claimed[i]) + "'";
    }
    return {display_name(graph, root), graph.node(root).op_type, "fused",
            std::string(fuser(match.pattern).name) + ": " + members + " became one"};
  }

  void report_near_misses(const Graph& graph, const std::vector<NearMiss>& near_misses,
                          Remarks& remarks) const {
    // Found backwards; told in the order of the graph.
    for (auto miss = near_misses.rbegin(); miss != near_misses.rend(); ++miss) {
      const bool told_by_smaller =
          std::any_of(near_misses.begin(), near_misses.end(),
                      [&](const NearMiss& other) { return says_the_same(other, *miss); });
      if (told_by_smaller) continue;
      remarks.push_back({display_name(graph, miss->node), graph.node(miss->node).op_type,
                         "not_fused",
                         std::string(fuser(miss->pattern).name) + ": " + miss->reason});
    }
  }

  // The same reason, for a part of the nodes: (BatchNormalization, Conv) of (Relu, (...)).
  static bool says_the_same(const NearMiss& part, const NearMiss& whole) {
    return part.nodes.size() < whole.nodes.size() && part.reason == whole.reason &&
           std::all_of(
               part.nodes.begin(), part.nodes.end(),
               [&](NodeId id) {
                 return std::find(whole.nodes.begin(), whole.nodes.end(), id) != whole.nodes.end();
               });
  }

  std::vector<Pattern> patterns_;
  std::vector<Fuser> fusers_;
  std::vector<RootGetter> getters_;
};

// Nodes without a name get one now, while their index is that of the file.
void name_nodes(Graph& graph) {
  for (NodeId id : graph.nodes()) {
    if (graph.node(id).name.empty()) graph.node(id).name = display_name(graph, id);
  }
}

}  // namespace

Graph fuse(const Graph& graph, const BackendConfig& backend, Remarks* remarks) {
  if (graph.stage != Stage::kFloat && graph.stage != Stage::kFused) {
    throw Error(ErrorCode::kInvalidState,
                "fuse takes a float graph, not a " + std::string(stage_name(graph.stage)) + " one");
  }
  Graph fused = graph;
  name_nodes(fused);
  settle_listed_weights(fused, remarks);
  fused = fold_constants(fused);
  remove_pass_throughs(fused);
  infer_types(fused);
  const std::vector<Fuser> fusers = all_fusers();
  for (FuserPhase phase : {FuserPhase::kFold, FuserPhase::kActivation}) {
    Phase(phase, backend, fusers).run(fused, remarks);
  }
  fused.remove_dead_nodes();
  update_imports(fused);
  fused.stage = Stage::kFused;
  infer_types(fused);
  return fused;
}

}  // namespace eightfold
