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

// What a fuser replies: the node that takes the place of the match. Attributes are set over those
// of the root (a tensor-valued one included); initializers replace inputs of the root by index.
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
  // Nodes are named by their position in match_nodes (quant/fuse_getters.h); values likewise.
  std::optional<size_t> root;
  std::vector<size_t> extra_inputs;
  std::optional<FusedNode> fused;  // none: the match is left as it is
  std::string refusal;             // and why, for the report
};

class Fusing {
 public:
  // `caller_functions`: the names that the caller answers for; throws kInvalidConfig for any other
  // that is not known.
  Fusing(const Graph& graph, const BackendConfig& backend,
         std::vector<std::string> caller_functions = {}, FuseCustomConfig custom = {});
  ~Fusing();
  // Goes on until the caller is needed; false when nothing more can be fused.
  bool next_round();
  const Graph& graph() const;  // what the matches of questions() refer to
  const std::vector<Question>& questions() const;
  // One reply per question, in order. Throws kInvalidConfig for a reply that does not fit, and
  // leaves the graph as it was.
  void answer(const std::vector<Reply>& replies);
  Graph finish(Remarks* remarks = nullptr);
  // For explain: what came close at a node and was not fused, and of which nodes of the file each
  // fused node was made. Nodes by name.
  struct Miss {
    std::string node;
    NearPattern near;
  };
  const std::vector<Miss>& misses() const;
  const std::map<std::string, std::vector<std::string>>& members() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eightfold
