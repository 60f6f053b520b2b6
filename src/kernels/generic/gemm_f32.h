// Body of GemmFloat32 for 128-bit vectors: a tile of R rows by P panels of 8 columns in registers.
//   acc[r][8p..8p+8) = bias + sum_k splat(a[r][k]) * b[k][8p..8p+8)
// Rows of a are read in place, run by run, one k per turn (unrolling k makes engines spill). Four
// rows by one panel is the working tile; the rows left over widen in panels, so that sums stay
// independent.
#pragma once

#include <cstddef>

#include "kernels/float.h"
#include "kernels/generic/vector_f32.h"

namespace eightfold {
namespace {

constexpr size_t kPanel = kPanelF32;

struct GemmSteps {
  const float* a;
  const ptrdiff_t *rows, *runs;
  size_t run_count, run, lda, ldc, panel;  // panel: floats between packed panels
  v128_t lo, hi;

  const float* row(size_t i) const { return rows ? a + rows[i] : a + i * lda; }
};

[[gnu::noinline]] void store_columns(v128_t left, v128_t right, size_t columns, float* c) {
  alignas(16) float values[kPanel];
  wasm_v128_store(values, left);
  wasm_v128_store(values + 4, right);
  for (size_t i = 0; i < columns; ++i) c[i] = values[i];
}

template <int R, int P>
inline void gemm_tile(size_t row, const float* packed, const GemmSteps& steps, size_t columns,
                      float* c) {
  v128_t acc[R][2 * P];
  const float* panels[P];
  for (int p = 0; p < P; ++p) {
    panels[p] = packed + static_cast<size_t>(p) * steps.panel;
    for (int r = 0; r < R; ++r) {
      acc[r][2 * p] = wasm_v128_load(panels[p]);
      acc[r][2 * p + 1] = wasm_v128_load(panels[p] + 4);
    }
    panels[p] += kPanel;
  }
  for (size_t s = 0; s < steps.run_count; ++s) {
    const float* rows[R];
    for (int r = 0; r < R; ++r) rows[r] = steps.row(row + static_cast<size_t>(r)) + steps.runs[s];
    for (size_t k = 0; k < steps.run; ++k) {
      for (int p = 0; p < P; ++p) {
        const v128_t left = wasm_v128_load(panels[p]);
        const v128_t right = wasm_v128_load(panels[p] + 4);
        panels[p] += kPanel;
        for (int r = 0; r < R; ++r) {
          const v128_t value = wasm_v128_load32_splat(rows[r] + k);
          acc[r][2 * p] = multiply_add(value, left, acc[r][2 * p]);
          acc[r][2 * p + 1] = multiply_add(value, right, acc[r][2 * p + 1]);
        }
      }
    }
  }
  for (int p = 0; p < P; ++p) {
    const size_t first = static_cast<size_t>(p) * kPanel;
    const size_t width = columns - first < kPanel ? columns - first : kPanel;
    for (int r = 0; r < R; ++r) {
      const v128_t left = clamp_f32(acc[r][2 * p], steps.lo, steps.hi);
      const v128_t right = clamp_f32(acc[r][2 * p + 1], steps.lo, steps.hi);
      float* out = c + static_cast<size_t>(r) * steps.ldc + first;
      if (width == kPanel) {
        wasm_v128_store(out, left);
        wasm_v128_store(out + 4, right);
      } else {
        store_columns(left, right, width, out);
      }
    }
  }
}

// R rows against all columns, P panels at a time.
template <int R, int P>
void gemm_strip(size_t row, const float* packed, const GemmSteps& steps, size_t n, float* c) {
  size_t column = 0;
  for (; column + (P - 1) * kPanel < n; column += P * kPanel) {
    gemm_tile<R, P>(row, packed, steps, n - column, c + column);
    packed += P * steps.panel;
  }
  for (; column < n; column += kPanel, packed += steps.panel) {
    gemm_tile<R, 1>(row, packed, steps, n - column, c + column);
  }
}

void gemm_f32_run(const GemmTileF32& tile) {
  constexpr ptrdiff_t kOneRun = 0;
  const size_t k = static_cast<size_t>(tile.k), n = static_cast<size_t>(tile.n);
  const size_t run_count = tile.rows ? static_cast<size_t>(tile.run_count) : 1;
  const GemmSteps steps{tile.a,
                        tile.rows,
                        tile.rows ? tile.runs : &kOneRun,
                        run_count,
                        k / run_count,
                        static_cast<size_t>(tile.lda),
                        static_cast<size_t>(tile.ldc),
                        (k + 1) * kPanel,
                        wasm_f32x4_splat(tile.clamp.lo),
                        wasm_f32x4_splat(tile.clamp.hi)};
  const size_t m = static_cast<size_t>(tile.m), whole = m / 4 * 4;
  const float* packed = tile.packed;
  for (size_t column = 0; column < n && whole; column += kPanel, packed += steps.panel) {
    for (size_t row = 0; row < whole; row += 4) {
      gemm_tile<4, 1>(row, packed, steps, n - column, tile.c + row * steps.ldc + column);
    }
  }
  float* c = tile.c + whole * steps.ldc;
  switch (m - whole) {
    case 1: return gemm_strip<1, 4>(whole, tile.packed, steps, n, c);
    case 2: return gemm_strip<2, 2>(whole, tile.packed, steps, n, c);
    case 3: return gemm_strip<3, 1>(whole, tile.packed, steps, n, c);
    default: return;
  }
}

}  // namespace
}  // namespace eightfold
