// conv_add_const, conv_mul_const and the same for ConvTranspose and Gemm.
//
//   pattern (Add | Mul, layer, MatchAllNode), either order: a constant with one number per
//   output channel ([C, 1, 1] after Conv, [N] after Gemm, or a scalar) goes into weight and bias
// Not meant for a sum or product of two computed values. Refuses a constant that varies
// along another axis or may be overridden.
#include "ir/constant.h"
#include "quant/fusers/fold_scale_shift.h"

namespace eightfold {
namespace {

// The constant beside the layer, one number per output channel; empty when it is none.
std::vector<double> channel_constant(const Graph& graph, const SideBySide& sides) {
  const Tensor* constant = fixed_constant(graph, sides.other);
  if (constant == nullptr) return {};
  const Node& layer = graph.node(sides.node);
  const int64_t rank = graph.constant(layer.input(1))->rank();  // that of the output as well
  const int64_t channel_from_end = rank - 1;  // axis 1 of [N, C, ...] and of [M, N]
  return per_channel_constant(*constant, output_channels(graph, sides.node), channel_from_end,
                              rank);
}

Verdict check(const Graph& graph, const Match& match) {
  const SideBySide sides = side_by_side(match);
  if (graph.constant(sides.other) == nullptr) return not_meant();
  if (is_overridable(graph, sides.other)) {
    return refused("the constant is a graph input that a caller may override");
  }
  if (const Verdict verdict = can_fold_into(graph, sides.node); !verdict.ok) return verdict;
  if (channel_constant(graph, sides).empty()) {
    return refused("the constant of shape " + shape_text(graph.constant(sides.other)->shape()) +
                   " is not one number per output channel");
  }
  return accepted();
}

void rewrite(Graph& graph, const Match& match, bool multiply) {
  const SideBySide sides = side_by_side(match);
  std::vector<double> constant = channel_constant(graph, sides);
  const std::vector<double> ones(constant.size(), 1.0), zeros(constant.size(), 0.0);
  fold_scale_shift(graph, sides.node,
                   multiply ? ScaleShift{constant, zeros} : ScaleShift{ones, constant});
  replace_producer(graph, match.anchor, sides.node);
}

void rewrite_add(Graph& graph, const Match& match) { rewrite(graph, match, false); }
void rewrite_mul(Graph& graph, const Match& match) { rewrite(graph, match, true); }

}  // namespace

std::vector<Fuser> constant_fusers() {
  std::vector<Fuser> fusers;
  for (std::string_view name : {"conv_add_const", "convtranspose_add_const", "linear_add_const"}) {
    fusers.push_back({name, FuserPhase::kFold, check, rewrite_add});
  }
  for (std::string_view name : {"conv_mul_const", "convtranspose_mul_const", "linear_mul_const"}) {
    fusers.push_back({name, FuserPhase::kFold, check, rewrite_mul});
  }
  return fusers;
}

}  // namespace eightfold
