// A fuser: what is done with a match of its pattern, under a name that a BackendConfig uses.
//
// `check` looks and refuses with a reason (a row of the report), or without one where the
// pattern merely looks alike; `rewrite` changes the graph and may assume what check found.
// To add a fuser: a unit like those beside this file, and a row of fuse.cpp's table if it
// opens a new family.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "pattern/match.h"

namespace eightfold {

struct Verdict {
  bool ok = false;
  std::string reason;
};
inline Verdict accepted() { return {true, {}}; }
inline Verdict refused(std::string reason) { return {false, std::move(reason)}; }
inline Verdict not_meant() { return {}; }

// Folding runs first, to its fixpoint: activations are then fused into what remains.
enum class FuserPhase : uint8_t { kFold, kActivation };

struct Fuser {
  std::string_view name;
  FuserPhase phase;
  Verdict (*check)(const Graph&, const Match&);
  void (*rewrite)(Graph&, const Match&);
};

// ---- families, one per file
std::vector<Fuser> batch_norm_fusers();   // conv_bn, conv_bn_relu, convtranspose_bn, linear_bn ...
std::vector<Fuser> norm_before_fusers();  // bn_conv, matmul_bn
std::vector<Fuser> constant_fusers();     // conv_add_const, conv_mul_const ...
std::vector<Fuser> matmul_fusers();       // matmul_add
std::vector<Fuser> pad_fusers();          // pad_into_conv, pad_into_pool
std::vector<Fuser> activation_fusers();   // conv_relu, conv_clip, linear_relu, add_relu ...
std::vector<Fuser> residual_fusers();     // conv_add, conv_add_relu
std::vector<Fuser> hard_swish_fusers();   // hard_swish_as_products
std::vector<Fuser> reduce_mean_fusers();  // reduce_mean_as_global_average_pool
std::vector<Fuser> sub_fusers();          // sub_const_as_add
// Every fuser that a BackendConfig can name.
std::vector<std::string> fuser_names();

// ---- parts of matches
// The nodes of a chain, anchor first: (Relu, (BatchNormalization, Conv)) -> relu, bn, conv.
std::vector<NodeId> chain_of(const Match& match);
// For (op, X, MatchAllNode) in either order: X, and the value beside it.
struct SideBySide {
  NodeId node = kNone;
  ValueId other = kNone;
};
SideBySide side_by_side(const Match& match);

// Takes `node` out; what it made is then made by `by` as output 0.
void replace_producer(Graph& graph, NodeId node, NodeId by);

}  // namespace eightfold
