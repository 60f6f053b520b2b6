// Operators that fold their operands, two or more, element by element: y = f(f(a, b), c) ...
//
// float32 has loops of its own; all other types share one loop per kind (see pieces.h).
#pragma once

#include "ops/activation_attribute.h"
#include "ops/elementwise_rows.h"

namespace eightfold {

// `out` may be either operand.
struct FoldLoops {
  void (*single)(const float* a, int64_t sa, const float* b, int64_t sb, float* out, int64_t n);
  void (*floats)(const double* a, const double* b, double* out, int64_t n);
  void (*integers)(const int64_t* a, const int64_t* b, int64_t* out, int64_t n);
  void (*naturals)(const uint64_t* a, const uint64_t* b, uint64_t* out, int64_t n);
};

template <typename F, typename T>
void fold_loop(const T* a, const T* b, T* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = F::apply(a[i], b[i]);
}

// Of a functor with a templated apply.
template <typename F>
inline constexpr FoldLoops kFoldLoops{binary_row<F, float, float>, fold_loop<F, double>,
                                      fold_loop<F, int64_t>, fold_loop<F, uint64_t>};
// Of one that gives the same bits whether they are read with a sign or without.
template <typename F>
inline constexpr FoldLoops kWrappingLoops{binary_row<F, float, float>, fold_loop<F, double>,
                                          fold_loop<F, int64_t>, nullptr};

void fold_operands(RunContext& context, const FoldLoops& loops);

// Float32 alone, each row of the output through the activation.
void fold_singles(const RunContext& context, const Broadcast& plan, const FoldLoops& loops,
                  const FusedActivation& activation);

}  // namespace eightfold
