// Normalizations over chosen axes, without parameters; sums in double.
//   LpNormalization            y = x / |x|_p over `axis`, p 1 or 2; 0 where the norm is 0
//   MeanVarianceNormalization  y = (x - mean) / (sqrt(variance) + 1e-9) over `axes`
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "ops/broadcast.h"
#include "ops/norm.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

// The sums repeat along the normalized axes of x.
struct AxesPlan {
  Broadcast rows;
  int64_t sums = 1, per_sum = 1;
};

OpState plan_axes(PlanContext& context, const std::vector<int64_t>& axes) {
  require_float(context);
  TensorInfo kept = context.inputs[0];
  AxesPlan plan;
  for (const int64_t axis : axes) {
    int64_t& dim = kept.shape[checked_axis(context, axis, kept.shape.size())];
    plan.per_sum *= std::exchange(dim, 1);
  }
  plan.rows = make_broadcast(context.inputs[0], std::span(&kept, 1));
  plan.sums = element_count(kept.shape);
  context.scratch_bytes = 2 * static_cast<size_t>(plan.sums) * sizeof(double);
  return std::make_shared<const AxesPlan>(std::move(plan));
}

OpState plan_lp(PlanContext& context) {
  const int64_t p = context.node.int_attribute("p", 2);
  if (p != 1 && p != 2) context.fail(ErrorCode::kInvalidAttribute, "p must be 1 or 2");
  return plan_axes(context, {context.node.int_attribute("axis", -1)});
}
OpState plan_mean_variance(PlanContext& context) {
  return plan_axes(context, context.node.ints_attribute("axes", {0, 2, 3}));
}

// f(i, s) for every element i of x and its sum s.
template <class F>
void for_each(const AxesPlan& plan, F f) {
  const int64_t n = plan.rows.row_size(), step = plan.rows.row_stride(0);
  plan.rows.for_each_row([&](int64_t at, const int64_t* from) {
    for (int64_t i = 0; i < n; ++i) f(at + i, from[0] + i * step);
  });
}

void run_lp(RunContext& context) {
  const auto& plan = context.plan_as<AxesPlan>();
  const bool squares = context.node.int_attribute("p", 2) == 2;
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  auto* sums = reinterpret_cast<double*>(context.scratch);
  std::fill_n(sums, plan.sums, 0.0);
  for_each(plan, [&](int64_t i, int64_t s) {
    const double value = std::fabs(static_cast<double>(x[i]));
    sums[s] += squares ? value * value : value;
  });
  for (int64_t s = 0; squares && s < plan.sums; ++s) sums[s] = std::sqrt(sums[s]);
  for_each(plan, [&](int64_t i, int64_t s) {
    y[i] = sums[s] == 0 ? 0.0f : static_cast<float>(x[i] / sums[s]);
  });
}

void run_mean_variance(RunContext& context) {
  const auto& plan = context.plan_as<AxesPlan>();
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  auto* mean = reinterpret_cast<double*>(context.scratch);
  double* deviation = mean + plan.sums;
  std::fill_n(mean, 2 * plan.sums, 0.0);
  const auto count = static_cast<double>(plan.per_sum);
  for_each(plan, [&](int64_t i, int64_t s) { mean[s] += x[i] / count; });
  for_each(plan, [&](int64_t i, int64_t s) {
    deviation[s] += (x[i] - mean[s]) * (x[i] - mean[s]) / count;
  });
  for (int64_t s = 0; s < plan.sums; ++s) deviation[s] = std::sqrt(deviation[s]) + 1e-9;
  for_each(plan, [&](int64_t i, int64_t s) {
    y[i] = static_cast<float>((x[i] - mean[s]) / deviation[s]);
  });
}

}  // namespace

void add_axes_norm_rows(std::vector<OpDef>& rows) {
  rows.push_back(norm_row("LpNormalization", LayoutRule::kFollow, plan_lp, run_lp));
  rows.push_back(norm_row("MeanVarianceNormalization", LayoutRule::kFollow, plan_mean_variance,
                          run_mean_variance));
}

}  // namespace eightfold
