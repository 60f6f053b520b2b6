// Transposes in cache-sized blocks (contract in layout.h).
//
// Images of few channels have a narrow side: there each step handles one whole short row, its
// length known to the compiler. Otherwise blocks of 4x4 floats or 8x16 bytes go through registers,
// other sizes through blocks that stay in the first cache.
#include "kernels/layout.h"

#include <algorithm>
#include <cstring>

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

// Eight rows of 16 bytes as 16 rows of eight, of which the first `count` are stored.
void transpose_8x16(const uint8_t* from, int64_t from_step, uint8_t* to, int64_t to_step,
                    int64_t count) {
  v128_t rows[8], pairs[8], fours[8];
  for (int i = 0; i < 8; ++i) rows[i] = wasm_v128_load(from + i * from_step);
  for (int i = 0; i < 8; i += 2) {  // of two rows: columns 0 to 7, columns 8 to 15
    const v128_t a = rows[i], b = rows[i + 1];
    pairs[i] = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    pairs[i + 1] =
        wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
  for (int i = 0; i < 2; ++i) {  // of four rows: four columns each
    for (int half = 0; half < 2; ++half) {
      const v128_t a = pairs[4 * i + half], b = pairs[4 * i + 2 + half];
      fours[4 * i + 2 * half] = wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
      fours[4 * i + 2 * half + 1] = wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    }
  }
  const auto store = [&](int64_t c, v128_t two) {
    if (c < count) wasm_v128_store64_lane(to + c * to_step, two, 0);
    if (c + 1 < count) wasm_v128_store64_lane(to + (c + 1) * to_step, two, 1);
  };
  for (int i = 0; i < 4; ++i) {
    store(4 * i, wasm_i32x4_shuffle(fours[i], fours[4 + i], 0, 4, 1, 5));
    store(4 * i + 2, wasm_i32x4_shuffle(fours[i], fours[4 + i], 2, 6, 3, 7));
  }
}

// At least 8 rows and 16 columns. Lines of 64 bytes are read or written whole on the side whose
// steps are long; the last block of a row or column begins early enough to be whole.
void transpose_bytes(const uint8_t* from, uint8_t* to, Extent extent) {
  constexpr int64_t kLine = 64;
  const auto [rows, cols] = extent;
  const auto block = [&](int64_t r, int64_t c) {
    r = std::min(r, rows - 8);
    c = std::min(c, cols - 16);
    transpose_8x16(from + r * cols + c, cols, to + c * rows + r, rows, 16);
  };
  if (cols > rows) {
    for (int64_t line = 0; line < cols; line += kLine) {
      const int64_t end = std::min(cols, line + kLine);
      for (int64_t r = 0; r < rows; r += 8) {
        for (int64_t c = line; c < end; c += 16) block(r, c);
      }
    }
  } else {
    for (int64_t line = 0; line < rows; line += kLine) {
      const int64_t end = std::min(rows, line + kLine);
      for (int64_t c = 0; c < cols; c += 16) {
        for (int64_t r = line; r < end; r += 8) block(r, c);
      }
    }
  }
}

// At least 8 rows of fewer than 16 columns: a vector reads on into the next row, which the last
// rows do not have.
void transpose_short_rows(const uint8_t* from, uint8_t* to, Extent extent) {
  const auto [rows, cols] = extent;
  int64_t r = 0;
  for (; (r + 7) * cols + 16 <= rows * cols; r += 8) {
    transpose_8x16(from + r * cols, cols, to + r, rows, cols);
  }
  for (; r < rows; r += 8) {
    const int64_t first = std::min(r, rows - 8);
    uint8_t padded[8 * 16] = {};
    std::memcpy(padded, from + first * cols, static_cast<size_t>(8 * cols));
    transpose_8x16(padded, cols, to + first, rows, cols);
  }
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
  if constexpr (sizeof(T) == 1) {
    if (extent.rows >= 8 && extent.cols >= 16) return transpose_bytes(from, to, extent);
    if (extent.rows >= 8) return transpose_short_rows(from, to, extent);
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
