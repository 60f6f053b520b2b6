// Transposes in cache-sized blocks (contract in layout.h).
//
// Images of few channels have a narrow side: there each step handles one whole short row, its
// length known to the compiler. Otherwise blocks of 4x4 floats go through registers, other sizes
// through blocks that stay in the first cache.
#include "kernels/layout.h"

#include <algorithm>

#include "core/error.h"
#include "kernels/simd.h"

namespace eightfold {
namespace {

constexpr int64_t kBlock = 32;

struct Extent {
  int64_t rows, cols;
};
struct Block {
  int64_t row, row_end, col, col_end;
};

template <typename T>
void transpose_block(const T* from, T* to, Extent extent, Block block) {
  for (int64_t c = block.col; c < block.col_end; ++c) {
    for (int64_t r = block.row; r < block.row_end; ++r) {
      to[c * extent.rows + r] = from[r * extent.cols + c];
    }
  }
}

void transpose_4x4(const uint32_t* from, uint32_t* to, Extent extent) {
  const v128_t a = wasm_v128_load(from), b = wasm_v128_load(from + extent.cols);
  const v128_t c = wasm_v128_load(from + 2 * extent.cols);
  const v128_t d = wasm_v128_load(from + 3 * extent.cols);
  const v128_t ab_low = wasm_i32x4_shuffle(a, b, 0, 4, 1, 5);
  const v128_t ab_high = wasm_i32x4_shuffle(a, b, 2, 6, 3, 7);
  const v128_t cd_low = wasm_i32x4_shuffle(c, d, 0, 4, 1, 5);
  const v128_t cd_high = wasm_i32x4_shuffle(c, d, 2, 6, 3, 7);
  wasm_v128_store(to, wasm_i64x2_shuffle(ab_low, cd_low, 0, 2));
  wasm_v128_store(to + extent.rows, wasm_i64x2_shuffle(ab_low, cd_low, 1, 3));
  wasm_v128_store(to + 2 * extent.rows, wasm_i64x2_shuffle(ab_high, cd_high, 0, 2));
  wasm_v128_store(to + 3 * extent.rows, wasm_i64x2_shuffle(ab_high, cd_high, 1, 3));
}

template <>
void transpose_block(const uint32_t* from, uint32_t* to, Extent extent, Block block) {
  const int64_t rows = block.row + (block.row_end - block.row) / 4 * 4;
  const int64_t cols = block.col + (block.col_end - block.col) / 4 * 4;
  for (int64_t c = block.col; c < cols; c += 4) {
    for (int64_t r = block.row; r < rows; r += 4) {
      transpose_4x4(from + r * extent.cols + c, to + c * extent.rows + r, extent);
    }
  }
  const auto rest = [&](Block part) {
    for (int64_t c = part.col; c < part.col_end; ++c) {
      for (int64_t r = part.row; r < part.row_end; ++r) {
        to[c * extent.rows + r] = from[r * extent.cols + c];
      }
    }
  };
  rest({block.row, rows, cols, block.col_end});
  rest({rows, block.row_end, block.col, block.col_end});
}

// A few long rows into many short ones, and back.
template <typename T, int Rows>
void interleave(const T* from, T* to, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) {
    for (int r = 0; r < Rows; ++r) to[c * Rows + r] = from[r * cols + c];
  }
}
template <typename T, int Cols>
void deinterleave(const T* from, T* to, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int c = 0; c < Cols; ++c) to[c * rows + r] = from[r * Cols + c];
  }
}

template <typename T>
void transpose_image(const T* from, T* to, Extent extent) {
  if (extent.rows == 1 || extent.cols == 1) {
    std::copy_n(from, extent.rows * extent.cols, to);
    return;
  }
  // Pictures come as bytes and floats; other sizes are not worth their code.
  if constexpr (sizeof(T) == 1 || sizeof(T) == 4) {
    if (extent.rows == 2) return interleave<T, 2>(from, to, extent.cols);
    if (extent.rows == 3) return interleave<T, 3>(from, to, extent.cols);
    if (extent.cols == 2) return deinterleave<T, 2>(from, to, extent.rows);
    if (extent.cols == 3) return deinterleave<T, 3>(from, to, extent.rows);
  }
  for (int64_t row = 0; row < extent.rows; row += kBlock) {
    for (int64_t col = 0; col < extent.cols; col += kBlock) {
      transpose_block(from, to, extent,
                      Block{row, std::min(extent.rows, row + kBlock), col,
                            std::min(extent.cols, col + kBlock)});
    }
  }
}

template <typename T>
void transpose_all(const void* from, void* to, int64_t batch, Extent extent) {
  const int64_t image = extent.rows * extent.cols;
  for (int64_t b = 0; b < batch; ++b) {
    transpose_image(static_cast<const T*>(from) + b * image, static_cast<T*>(to) + b * image,
                    extent);
  }
}

}  // namespace

void transpose_images(const void* from, void* to, int64_t batch, int64_t rows, int64_t cols,
                      size_t element_bytes) {
  const Extent extent{rows, cols};
  switch (element_bytes) {
    case 1: return transpose_all<uint8_t>(from, to, batch, extent);
    case 2: return transpose_all<uint16_t>(from, to, batch, extent);
    case 4: return transpose_all<uint32_t>(from, to, batch, extent);
    case 8: return transpose_all<uint64_t>(from, to, batch, extent);
    default: throw Error(ErrorCode::kInternal, "no transpose for this element size");
  }
}

}  // namespace eightfold
