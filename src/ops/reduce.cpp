// Reductions: y = finish(fold(x over the axes)). Sums are kept in double, so that the order of the
// additions (which follows the memory layout) does not show.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "ops/elementwise_rows.h"
#include "ops/families.h"
#include "ops/pieces.h"
#include "ops/reduce.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

std::vector<bool> marks(const Node& node, const std::vector<int64_t>& axes, size_t rank,
                        auto&& context) {
  if (axes.empty()) return std::vector<bool>(rank, !node.int_attribute("noop_with_empty_axes", 0));
  std::vector<bool> result(rank);
  for (int64_t axis : axes) result[checked_axis(context, axis, rank)] = true;
  return result;
}

void infer_reduce(InferContext& context) {
  std::optional<Dims> result;
  if (context.dims(0)) {
    const Dims& dims = *context.dims(0);
    const bool keep = context.node.int_attribute("keepdims", 1) != 0;
    const auto reduced = reduced_axes(context, dims.size());
    if (reduced) {
      result.emplace();
      for (size_t i = 0; i < dims.size(); ++i) {
        if (!(*reduced)[i])
          result->push_back(dims[i]);
        else if (keep)
          result->push_back({1, {}});
      }
    } else if (keep) {
      result = Dims(dims.size());
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// The accumulators repeat along the reduced axes of the input: a broadcast the other way round.
struct ReducePlan {
  Broadcast rows;
  int64_t outputs = 1;
  int64_t per_output = 1;  // inputs that are folded into one output
};

OpState plan_reduce(PlanContext& context) {
  const TensorInfo& x = context.inputs[0];
  const std::vector<bool> reduced = reduced_axes(context, x.shape.size());
  TensorInfo kept = x;  // its layout too: when axes are dropped the input is plain
  auto plan = std::make_shared<ReducePlan>();
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i]) continue;
    plan->per_output *= x.shape[i];
    kept.shape[i] = 1;
  }
  plan->rows = make_broadcast(x, std::span(&kept, 1));
  plan->outputs = element_count(kept.shape);
  context.scratch_bytes = static_cast<size_t>(plan->outputs) * sizeof(double);
  return plan;
}

// What happens to an element, how it joins the accumulator, and what the accumulator becomes.
enum class Map : uint8_t { kNone, kAbs, kSquare, kExp };
enum class Join : uint8_t { kSum, kProduct, kMax, kMin };
enum class Finish : uint8_t { kNone, kMean, kRoot, kLog };
struct Fold {
  Map map;
  Join join;
  Finish finish = Finish::kNone;
};

template <typename A>
void map_piece(Map map, A* x, int64_t n) {
  using U = Wrapping<A>;
  for (int64_t i = 0; i < n && map == Map::kAbs; ++i) {
    x[i] = x[i] < A{} ? static_cast<A>(-static_cast<U>(x[i])) : x[i];
  }
  for (int64_t i = 0; i < n && map == Map::kSquare; ++i) {
    x[i] = static_cast<A>(static_cast<U>(x[i]) * static_cast<U>(x[i]));
  }
  for (int64_t i = 0; i < n && map == Map::kExp; ++i) {
    x[i] = static_cast<A>(std::exp(static_cast<double>(x[i])));
  }
}

template <typename A>
A start_of(Join join) {
  using Limits = std::numeric_limits<A>;
  switch (join) {
    case Join::kSum: return A{};
    case Join::kProduct: return A{1};
    case Join::kMax: return std::is_integral_v<A> ? Limits::lowest() : -Limits::infinity();
    case Join::kMin: return std::is_integral_v<A> ? Limits::max() : Limits::infinity();
  }
  return A{};
}

// Elements of one row of the input: all into one accumulator (step 0), or each into its own.
template <typename A, typename F>
void join_row(const A* x, int64_t n, A* target, int64_t step, F&& joined) {
  if (step == 0) {
    A sum = *target;
    for (int64_t i = 0; i < n; ++i) sum = joined(sum, x[i]);
    *target = sum;
  } else {
    for (int64_t i = 0; i < n; ++i) target[i * step] = joined(target[i * step], x[i]);
  }
}

template <typename A>
void join_piece(Join join, const A* x, int64_t n, A* target, int64_t step) {
  using U = Wrapping<A>;
  switch (join) {
    case Join::kSum:
      return join_row(x, n, target, step, [](A sum, A v) {
        return static_cast<A>(static_cast<U>(sum) + static_cast<U>(v));
      });
    case Join::kProduct:
      return join_row(x, n, target, step, [](A product, A v) {
        return static_cast<A>(static_cast<U>(product) * static_cast<U>(v));
      });
    case Join::kMax:
      return join_row(x, n, target, step,
                      [](A most, A v) { return v > most || v != v ? v : most; });
    case Join::kMin:
      return join_row(x, n, target, step,
                      [](A least, A v) { return v < least || v != v ? v : least; });
  }
}

template <typename A>
A finished(Finish finish, A sum, int64_t count) {
  switch (finish) {
    case Finish::kNone: return sum;
    case Finish::kMean: return count ? sum / static_cast<A>(count) : A{};
    case Finish::kRoot: return static_cast<A>(std::sqrt(static_cast<double>(sum)));
    case Finish::kLog: return static_cast<A>(std::log(static_cast<double>(sum)));
  }
  return sum;
}

// The extremes of uint64 are found among int64 of the same order; sums wrap either way.
void flip_signs(int64_t* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] ^= INT64_MIN;
}
void flip_signs(double*, int64_t) {}

template <typename A>
void reduce(const RunContext& context, const Fold& fold) {
  const ReducePlan& plan = context.plan_as<ReducePlan>();
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  const bool flips =
      x.dtype == DType::kUint64 && (fold.join == Join::kMax || fold.join == Join::kMin);
  auto* sums = reinterpret_cast<A*>(context.scratch);
  A start = start_of<A>(fold.join);
  if (y.dtype == DType::kBool) start = std::clamp(start, A{0}, A{1});
  std::fill_n(sums, plan.outputs, start);
  const int64_t step = plan.rows.row_stride(0);
  Piece<A> piece;
  plan.rows.for_each_row([&](int64_t from, const int64_t* to) {
    for (int64_t at = 0; at < plan.rows.row_size(); at += kPiece) {
      const int64_t n = std::min(kPiece, plan.rows.row_size() - at);
      load_piece(x, from + at, 1, n, piece.data());
      if (flips) flip_signs(piece.data(), n);
      map_piece(fold.map, piece.data(), n);
      join_piece(fold.join, piece.data(), n, sums + to[0] + at * step, step);
    }
  });
  for (int64_t i = 0; i < plan.outputs; ++i)
    sums[i] = finished(fold.finish, sums[i], plan.per_output);
  if (flips) flip_signs(sums, plan.outputs);
  store_piece(sums, plan.outputs, y, 0);
}

template <Map map, Join join, Finish finish>
void run_reduce(RunContext& context) {
  const Fold fold{map, join, finish};
  // Bools have an order.
  const bool is_bool = context.inputs[0].dtype == DType::kBool;
  const bool any_or_all = is_bool && (join == Join::kMax || join == Join::kMin);
  switch (any_or_all ? Kind::kInteger : number_kind(context)) {
    case Kind::kFloat: return reduce<double>(context, fold);
    case Kind::kInteger:
    case Kind::kNatural: return reduce<int64_t>(context, fold);
    case Kind::kNone: break;
  }
}

OpDef reduce_row(std::string_view op_type, void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.inputs = {Role::kActivation, Role::kShape};
  row.layout = LayoutRule::kFollow;
  row.infer = infer_reduce;
  row.plan = plan_reduce;
  row.run = run;
  row.floats = FloatTypes::kAny;
  return row;
}

}  // namespace

std::optional<std::vector<bool>> reduced_axes(const InferContext& context, size_t rank) {
  const auto axes = infer_integers(context, 1, "axes");
  if (!axes) return std::nullopt;
  return marks(context.node, *axes, rank, context);
}

std::vector<bool> reduced_axes(const PlanContext& context, size_t rank) {
  return marks(context.node, plan_integers(context, 1, "axes"), rank, context);
}

std::vector<OpDef> reduce_ops() {
  std::vector<OpDef> rows = {
      reduce_row("ReduceMean", run_reduce<Map::kNone, Join::kSum, Finish::kMean>),
      reduce_row("ReduceSum", run_reduce<Map::kNone, Join::kSum, Finish::kNone>),
      reduce_row("ReduceMax", run_reduce<Map::kNone, Join::kMax, Finish::kNone>),
      reduce_row("ReduceMin", run_reduce<Map::kNone, Join::kMin, Finish::kNone>),
      reduce_row("ReduceProd", run_reduce<Map::kNone, Join::kProduct, Finish::kNone>),
      reduce_row("ReduceL1", run_reduce<Map::kAbs, Join::kSum, Finish::kNone>),
      reduce_row("ReduceL2", run_reduce<Map::kSquare, Join::kSum, Finish::kRoot>),
      reduce_row("ReduceSumSquare", run_reduce<Map::kSquare, Join::kSum, Finish::kNone>),
      reduce_row("ReduceLogSum", run_reduce<Map::kNone, Join::kSum, Finish::kLog>),
      reduce_row("ReduceLogSumExp", run_reduce<Map::kExp, Join::kSum, Finish::kLog>),
  };
  for (OpDef& row : rows) {
    const bool keeps_range = row.op_type == "ReduceMax" || row.op_type == "ReduceMin";
    if (!keeps_range) continue;
    row.quantized = kDirectForm;
    row.observation = kSameObservation;
  }
  add_arg_rows(rows);
  add_scan_rows(rows);
  return rows;
}

}  // namespace eightfold
