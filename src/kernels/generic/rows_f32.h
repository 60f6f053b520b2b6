// Bodies of MaxRowsFloat32 and SumRowsFloat32: several rows reduced into one, four floats at a
// time.
#pragma once

#include <cstddef>

#include "kernels/float.h"
#include "kernels/generic/vector_f32.h"

namespace eightfold {
namespace {

// `step(acc, x)` joins a vector to the result, `finish` ends it.
template <class Step, class Finish>
inline void reduce_rows(const float* const* rows, int64_t count, int64_t n, float* y, Step step,
                        Finish finish) {
  const auto size = static_cast<size_t>(n);
  size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    v128_t acc = wasm_v128_load(rows[0] + i);
    for (int64_t r = 1; r < count; ++r) acc = step(acc, wasm_v128_load(rows[r] + i));
    wasm_v128_store(y + i, finish(acc));
  }
  for (; i < size; ++i) {
    v128_t acc = wasm_v128_load32_splat(rows[0] + i);
    for (int64_t r = 1; r < count; ++r) acc = step(acc, wasm_v128_load32_splat(rows[r] + i));
    y[i] = wasm_f32x4_extract_lane(finish(acc), 0);
  }
}

void max_rows_f32_run(const float* const* rows, int64_t count, int64_t n, float* y) {
  reduce_rows(
      rows, count, n, y, [](v128_t acc, v128_t x) { return wasm_f32x4_pmax(acc, x); },
      [](v128_t acc) { return acc; });
}

void sum_rows_f32_run(const float* const* rows, int64_t count, int64_t n, float scale, float* y) {
  const v128_t factor = wasm_f32x4_splat(scale);
  reduce_rows(
      rows, count, n, y, [](v128_t acc, v128_t x) { return wasm_f32x4_add(acc, x); },
      [factor](v128_t acc) { return wasm_f32x4_mul(acc, factor); });
}

}  // namespace
}  // namespace eightfold
