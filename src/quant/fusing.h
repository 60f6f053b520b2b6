// Fusing: fuse in rounds, for callers who bring functions of their own.
//
//   Fusing fusing(graph, backend, custom, &remarks);
//   while (fusing.next_round()) fusing.answer(replies to fusing.questions());
//   Graph fused = fusing.finish();
//
// A round finds the matches of one phase as plain data. Fusers and getters that the core knows by
// name are applied by it; for the others the caller is asked, once per match, and all replies of a
// round are applied in one call. So no callback ever runs inside the core.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pattern/match.h"
#include "quant/custom_config.h"
#include "quant/route.h"

namespace eightfold {

// What a fuser replies: the node that takes the place of the match. Attributes are set over those of
// the root (a tensor-valued one included); initializers replace inputs of the root by index.
struct FusedNode {
  std::string op;  // identity; "" keeps the root's
  std::vector<Attribute> attributes;
  std::vector<std::string> removed_attributes;
  std::map<int, Tensor> initializers;
};

// A match whose functions the caller must answer for.
struct Question {
  Match match;
  const BackendPatternConfig* config = nullptr;  // names the functions
  bool asks_root = false, asks_extra_inputs = false, asks_fuser = false;
};

struct Reply {
  // Nodes are named by their position in the match, see match_nodes; values likewise.
  std::optional<size_t> root;
  std::vector<size_t> extra_inputs;
  std::optional<FusedNode> fused;    // none: the match is left as it is
  std::string refusal;               // and why, for the report
};

// All nodes of the match's trees in the order of a walk: a node, then its args.
std::vector<const MatchedNode*> match_nodes(const Match& match);

class Fusing {
 public:
  // `caller_functions`: the names that the caller answers for; every other name must be known.
  Fusing(const Graph& graph, const BackendConfig& backend,
         std::vector<std::string> caller_functions = {}, const FuseCustomConfig& custom = {});
  ~Fusing();
  // Finds the matches of the next round; false when nothing more can be fused.
  bool next_round();
  const Graph& graph() const;  // what the matches of questions() refer to
  const std::vector<Question>& questions() const;
  // One reply per question, in order. Throws kInvalidConfig for a reply that does not fit.
  void answer(const std::vector<Reply>& replies);
  Graph finish(Remarks* remarks = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eightfold
