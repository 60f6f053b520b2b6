// Reductions: y = finish(fold(x over the axes)). Sums are kept in double, so that the order of the
// additions (which follows the memory layout) does not show.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "ops/broadcast.h"
#include "ops/families.h"
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

// A fold: start value, one step, and what becomes of the accumulator at the end.
struct SumFold {
  template <typename A>
  static constexpr A start() {
    return A{};
  }
  template <typename A>
  static A step(A sum, A x) {
    return sum + x;
  }
  template <typename A>
  static A finish(A sum, int64_t) {
    return sum;
  }
};
struct MeanFold : SumFold {
  template <typename A>
  static A finish(A sum, int64_t count) {
    return count ? sum / static_cast<A>(count) : A{};
  }
};
struct ProdFold : SumFold {
  template <typename A>
  static constexpr A start() {
    return A{1};
  }
  template <typename A>
  static A step(A product, A x) {
    return product * x;
  }
};
struct MaxFold : SumFold {
  template <typename A>
  static constexpr A start() {
    return std::is_integral_v<A> ? std::numeric_limits<A>::lowest()
                                 : -std::numeric_limits<A>::infinity();
  }
  template <typename A>
  static A step(A largest, A x) {
    return x > largest || x != x ? x : largest;
  }
};
struct MinFold : SumFold {
  template <typename A>
  static constexpr A start() {
    return std::is_integral_v<A> ? std::numeric_limits<A>::max()
                                 : std::numeric_limits<A>::infinity();
  }
  template <typename A>
  static A step(A smallest, A x) {
    return x < smallest || x != x ? x : smallest;
  }
};
struct L1Fold : SumFold {
  template <typename A>
  static A step(A sum, A x) {
    return sum + (x < A{} ? -x : x);
  }
};
struct SumSquareFold : SumFold {
  template <typename A>
  static A step(A sum, A x) {
    return sum + x * x;
  }
};
struct L2Fold : SumSquareFold {
  template <typename A>
  static A finish(A sum, int64_t) {
    return static_cast<A>(std::sqrt(static_cast<double>(sum)));
  }
};
struct LogSumFold : SumFold {
  template <typename A>
  static A finish(A sum, int64_t) {
    return static_cast<A>(std::log(static_cast<double>(sum)));
  }
};
struct LogSumExpFold : LogSumFold {
  template <typename A>
  static A step(A sum, A x) {
    return sum + static_cast<A>(std::exp(static_cast<double>(x)));
  }
};

// Integers accumulate in 64 bits without a sign, so that overflow wraps, except where order counts.
template <typename F, typename T>
void fold(RunContext& context) {
  using A = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
  const ReducePlan& plan = context.plan_as<ReducePlan>();
  auto* sums = reinterpret_cast<A*>(context.scratch);
  std::fill_n(sums, plan.outputs, F::template start<A>());
  const T* x = context.inputs[0].as<T>();
  const int64_t n = plan.rows.row_size(), step = plan.rows.row_stride(0);
  plan.rows.for_each_row([&](int64_t at, const int64_t* to) {
    const T* row = x + at;
    A* target = sums + to[0];
    if (step == 0) {
      A sum = *target;
      for (int64_t i = 0; i < n; ++i) sum = F::step(sum, static_cast<A>(row[i]));
      *target = sum;
    } else {
      for (int64_t i = 0; i < n; ++i) {
        target[i * step] = F::step(target[i * step], static_cast<A>(row[i]));
      }
    }
  });
  T* y = context.outputs[0].as<T>();
  for (int64_t i = 0; i < plan.outputs; ++i) {
    y[i] = static_cast<T>(F::finish(sums[i], plan.per_output));
  }
}

template <typename F>
void run_reduce(RunContext& context) {
  const DType dtype = context.inputs[0].dtype;
  const bool done = dtype_switch<float, double, int64_t, int32_t, int8_t, uint8_t>(
      dtype, [&](auto tag) { fold<F, decltype(tag)>(context); });
  if (!done) refuse_dtype(context, dtype);
}

// Bools have an order too.
template <typename F>
void run_extreme(RunContext& context) {
  return context.inputs[0].dtype == DType::kBool ? fold<F, uint8_t>(context)
                                                 : run_reduce<F>(context);
}

OpDef reduce_row(std::string_view op_type, void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.inputs = {Role::kActivation, Role::kShape};
  row.layout = LayoutRule::kFollow;
  row.infer = infer_reduce;
  row.plan = plan_reduce;
  row.run = run;
  row.floats = FloatTypes::kDouble;
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
      reduce_row("ReduceMean", run_reduce<MeanFold>),
      reduce_row("ReduceSum", run_reduce<SumFold>),
      reduce_row("ReduceMax", run_extreme<MaxFold>),
      reduce_row("ReduceMin", run_extreme<MinFold>),
      reduce_row("ReduceProd", run_reduce<ProdFold>),
      reduce_row("ReduceL1", run_reduce<L1Fold>),
      reduce_row("ReduceL2", run_reduce<L2Fold>),
      reduce_row("ReduceSumSquare", run_reduce<SumSquareFold>),
      reduce_row("ReduceLogSum", run_reduce<LogSumFold>),
      reduce_row("ReduceLogSumExp", run_reduce<LogSumExpFold>),
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
