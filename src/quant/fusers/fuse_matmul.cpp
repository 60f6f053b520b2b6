// matmul_add: MatMul by a constant matrix, then Add of a vector, as one Gemm.
//
//   pattern (Add, MatMul, MatchAllNode), either order:  [M, K] x [K, N] + [N]
// Not meant for MatMul of two computed values or a sum with one. Refuses inputs of another
// rank than 2 (Gemm takes matrices alone) and constants that are no vector over N.
#include "ir/constant.h"
#include "quant/fusers/fold_scale_shift.h"

namespace eightfold {
namespace {

constexpr int64_t kGemmBroadcasts = 7;  // opset; older Gemm needs an attribute for it

Verdict check(const Graph& graph, const Match& match) {
  const SideBySide sides = side_by_side(match);
  const Node& matmul = graph.node(sides.node);
  const Tensor* weight = graph.constant(matmul.input(1));
  if (weight == nullptr || graph.constant(sides.other) == nullptr) return not_meant();
  if (is_overridable(graph, matmul.input(1)) || is_overridable(graph, sides.other)) {
    return refused("a constant is a graph input that a caller may override");
  }
  if (weight->rank() != 2 || weight->dtype() != DType::kFloat32) {
    return refused("the constant of MatMul has shape " + shape_text(weight->shape()));
  }
  const auto& dims = graph.value(matmul.input(0)).type.dims;
  if (!dims) return refused("the rank of MatMul's input is not known");
  if (dims->size() != 2) {
    return refused("MatMul's input has rank " + std::to_string(dims->size()) +
                   " and Gemm takes matrices");
  }
  const Tensor& added = *graph.constant(sides.other);
  if (per_channel_constant(added, weight->shape()[1], 1, 2).empty()) {
    return refused("the added constant of shape " + shape_text(added.shape()) +
                   " is not one number per output");
  }
  return accepted();
}

void rewrite(Graph& graph, const Match& match) {
  const SideBySide sides = side_by_side(match);
  const ValueId a = graph.node(sides.node).input(0), b = graph.node(sides.node).input(1);
  const int64_t outputs = graph.constant(b)->shape()[1];
  std::vector<float> bias;
  for (double value : per_channel_constant(*graph.constant(sides.other), outputs, 1, 2)) {
    bias.push_back(static_cast<float>(value));
  }
  const std::string name = graph.value(sides.other).name + "_bias";
  const ValueId c = graph.add_initializer(name, Tensor::of<float>({outputs}, bias));
  Node& node = graph.node(sides.node);
  node.op_type = "Gemm";
  if (graph.opset() < kGemmBroadcasts) node.domain = kEightfoldDomain;
  graph.set_inputs(sides.node, {a, b, c});
  replace_producer(graph, match.anchor, sides.node);
}

}  // namespace

std::vector<Fuser> matmul_fusers() { return {{"matmul_add", FuserPhase::kFold, check, rewrite}}; }

}  // namespace eightfold
