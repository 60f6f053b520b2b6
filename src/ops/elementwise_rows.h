// The parts elementwise.cpp lists: run functions by file, and the loops they share.
#pragma once

#include <type_traits>

#include "core/lanes.h"
#include "ops/broadcast.h"
#include "ops/dtype_switch.h"
#include "ops/op.h"

namespace eightfold {

// ---- infer
void infer_same(InferContext& context);        // output 0 as input 0
void infer_broadcast(InferContext& context);   // dtype of input 0
void infer_comparison(InferContext& context);  // bool
void infer_where(InferContext& context);
void infer_cast(InferContext& context);

// ---- row lists
void add_unary_rows(std::vector<OpDef>& rows);
void add_arithmetic_rows(std::vector<OpDef>& rows);
void add_comparison_rows(std::vector<OpDef>& rows);
void add_bit_rows(std::vector<OpDef>& rows);

void run_cast(RunContext& context);
void run_where(RunContext& context);

// Signed integers wrap, as two's complement does.
template <typename T>
using Wrapping =
    std::conditional_t<std::is_integral_v<T>,
                       std::make_unsigned_t<std::conditional_t<std::is_integral_v<T>, T, int>>, T>;

// out[i] = f(a[i * sa], b[i * sb]); of floats four at a time, where f has a form for Lanes.
template <typename F, typename T, typename R>
void binary_row(const T* a, int64_t sa, const T* b, int64_t sb, R* out, int64_t n) {
  if constexpr (std::is_same_v<T, float> && requires(Lanes x) { F::lanes(x, x); }) {
    const auto whole = [](int64_t step) { return step == 0 || step == 1; };
    if (whole(sa) && whole(sb)) return map_lanes(a, sa, b, sb, out, n, F::lanes);
  }
  for (int64_t i = 0; i < n; ++i) out[i] = F::apply(a[i * sa], b[i * sb]);
}

// The whole tensors; `after` is called with each finished row of the output.
template <typename F, typename T, typename R, typename After>
void binary_rows(const RunContext& context, const Broadcast& plan, After&& after) {
  const T* a = context.inputs[0].as<T>();
  const T* b = context.inputs[1].as<T>();
  R* out = context.outputs[0].as<R>();
  const int64_t n = plan.row_size();
  const int64_t sa = plan.row_stride(0), sb = plan.row_stride(1);
  plan.for_each_row([&](int64_t at, const int64_t* from) {
    binary_row<F>(a + from[0], sa, b + from[1], sb, out + at, n);
    after(out + at, n);
  });
}

template <typename F, typename T, typename R = T>
void binary_rows(const RunContext& context) {
  binary_rows<F, T, R>(context, context.plan_as<Broadcast>(), [](R*, int64_t) {});
}

}  // namespace eightfold
