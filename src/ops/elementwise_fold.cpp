// The walk over broadcast rows that all folding operators share. See elementwise_fold.h.
#include "ops/elementwise_fold.h"

#include <algorithm>

#include "ops/pieces.h"

namespace eightfold {
namespace {

template <typename Wide, typename Loop>
void fold_pieces(const RunContext& context, const Broadcast& plan, Loop loop) {
  using Stored = std::conditional_t<std::is_same_v<Wide, double>, double, int64_t>;
  Piece<Wide> sum, next;
  const auto load = [&](size_t k, int64_t at, int64_t n, Piece<Wide>& to) {
    load_piece(context.inputs[k], at, plan.row_stride(k), n, reinterpret_cast<Stored*>(to.data()));
  };
  plan.for_each_row([&](int64_t to, const int64_t* from) {
    for (int64_t at = 0; at < plan.row_size(); at += kPiece) {
      const int64_t n = std::min(kPiece, plan.row_size() - at);
      load(0, from[0] + at * plan.row_stride(0), n, sum);
      for (size_t k = 1; k < context.inputs.size(); ++k) {
        load(k, from[k] + at * plan.row_stride(k), n, next);
        loop(sum.data(), next.data(), sum.data(), n);
      }
      store_piece(reinterpret_cast<const Stored*>(sum.data()), n, context.outputs[0], to + at);
    }
  });
}

}  // namespace

void fold_singles(const RunContext& context, const Broadcast& plan, const FoldLoops& loops,
                  const FusedActivation& activation) {
  constexpr int64_t kCost = 4;
  plan.for_each_piece(kCost, [&](int64_t at, const int64_t* from, int64_t n) {
    float* out = context.outputs[0].as<float>() + at;
    const float* a = context.inputs[0].as<float>() + from[0];
    int64_t sa = plan.row_stride(0);
    for (size_t k = 1; k < context.inputs.size(); ++k, a = out, sa = 1) {
      loops.single(a, sa, context.inputs[k].as<float>() + from[k], plan.row_stride(k), out, n);
    }
    for (int64_t i = 0; context.inputs.size() == 1 && i < n; ++i) out[i] = a[i * sa];
    if (activation.kind != FusedActivation::Kind::kNone) apply_activation(activation, out, n);
  });
}

void fold_operands(RunContext& context, const FoldLoops& loops) {
  const Broadcast& plan = context.plan_as<Broadcast>();
  const DType dtype = context.inputs[0].dtype;
  if (dtype == DType::kFloat32) return fold_singles(context, plan, loops, {});
  switch (number_kind(context)) {
    case Kind::kFloat: return fold_pieces<double>(context, plan, loops.floats);
    case Kind::kNatural:
      if (loops.naturals) return fold_pieces<uint64_t>(context, plan, loops.naturals);
      [[fallthrough]];
    case Kind::kInteger: return fold_pieces<int64_t>(context, plan, loops.integers);
    case Kind::kNone: break;
  }
}

}  // namespace eightfold
