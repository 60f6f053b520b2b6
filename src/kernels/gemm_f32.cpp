// Packing of float weights and the row blocks of a float GEMM (equations in float.h).
#include <algorithm>

#include "kernels/float.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace eightfold {
namespace {

constexpr int64_t kBlockFloats = 64 * 1024;  // rows of a that stay in the second cache
constexpr int64_t kMinBlockRows = 16;

int64_t block_rows(int64_t k) {
  return std::max(kMinBlockRows, kBlockFloats / std::max<int64_t>(k, 1)) / 4 * 4;
}

void pack_panel(const DenseWeightsF32& weights, int64_t first, float* panel) {
  const int64_t columns = std::min(kPanelF32, weights.n - first);
  std::fill_n(panel, (weights.k() + 1) * kPanelF32, 0.0f);
  for (int64_t j = 0; j < columns && weights.bias; ++j) panel[j] = weights.bias[first + j];
  float* row = panel + kPanelF32;
  for (int64_t o = 0; o < weights.outer; ++o) {
    for (int64_t i = 0; i < weights.inner; ++i, row += kPanelF32) {
      const float* from = weights.data + o * weights.outer_stride + i * weights.inner_stride +
                          first * weights.n_stride;
      for (int64_t j = 0; j < columns; ++j) row[j] = weights.alpha * from[j * weights.n_stride];
    }
  }
}

}  // namespace

size_t packed_dense_f32(int64_t k, int64_t n) {
  const int64_t panels = (n + kPanelF32 - 1) / kPanelF32;
  return static_cast<size_t>(panels * (k + 1) * kPanelF32);
}

void pack_dense_f32(const DenseWeightsF32& weights, float* packed) {
  const int64_t panel = (weights.k() + 1) * kPanelF32;
  for (int64_t first = 0; first < weights.n; first += kPanelF32, packed += panel) {
    pack_panel(weights, first, packed);
  }
}

void gemm_f32(const GemmTileF32& rows) {
  const auto kernel = select<GemmFloat32>();
  if (rows.m < kPanelF32) {  // too few to share out: the columns are
    parallel_for({rows.n, rows.m * rows.k + 1, 4 * kPanelF32}, [&](const LoopPart& part) {
      GemmTileF32 tile = rows;
      tile.packed += packed_dense_f32(rows.k, part.begin);
      tile.n = part.count();
      tile.c += part.begin;
      kernel->run(tile);
    });
    return;
  }
  const int64_t block = block_rows(rows.k);
  parallel_for({rows.m, rows.k * rows.n + 1, 4}, [&](const LoopPart& part) {
    GemmTileF32 tile = rows;
    for (int64_t first = part.begin; first < part.end; first += block) {
      tile.m = std::min(block, part.end - first);
      tile.a = rows.a + first * rows.lda;
      tile.c = rows.c + first * rows.ldc;
      kernel->run(tile);
    }
  });
}

}  // namespace eightfold
