// Dense int8 product, scalar. Rows are int16 with the zero point taken off; weights int16, one
// column after the other behind all biases and scales.
//
//   acc[m][n] = bias[n] + sum_k a[m][k] * w[k][n]
#pragma once

#include <cstring>

#include "kernels/generic/requantize.h"

namespace eightfold::generic {

inline size_t dense_scalar_bytes(int64_t k, int64_t n) {
  return static_cast<size_t>(n) * (8 + 2 * static_cast<size_t>(k));
}

inline void dense_scalar_pack(const DenseWeights& weights, uint8_t* packed) {
  auto* bias = reinterpret_cast<int32_t*>(packed);
  auto* scale = reinterpret_cast<float*>(bias + weights.n);
  auto* columns = reinterpret_cast<int16_t*>(scale + weights.n);
  for (int64_t n = 0; n < weights.n; ++n) {
    const auto i = static_cast<size_t>(n);
    bias[n] = weights.bias.empty() ? 0 : weights.bias[i];
    scale[n] = weights.scale.empty() ? 1.0f : weights.scale[i];
    for (int64_t k = 0; k < weights.k(); ++k) {
      *columns++ = static_cast<int16_t>(weights.at(k, n));
    }
  }
}

inline size_t int16_row_bytes(int64_t k) { return (static_cast<size_t>(k) * 2 + 15) / 16 * 16; }

inline void load_int16_scalar(const Int8Input& input, int64_t offset, int64_t n, uint8_t* row) {
  auto* out = reinterpret_cast<int16_t*>(row);
  for (int64_t i = 0; i < n; ++i) {
    out[i] =
        static_cast<int16_t>(int8_at(input.data, input.is_signed, offset + i) - input.zero_point);
  }
}

inline void pad_int16(const Int8Input&, int64_t n, uint8_t* row) {
  std::memset(row, 0, static_cast<size_t>(n) * 2);
}

inline void dense_scalar_run(const DenseTile& tile) {
  const auto* bias = reinterpret_cast<const int32_t*>(tile.packed);
  const auto* scale = reinterpret_cast<const float*>(bias + tile.n);
  const auto* columns = reinterpret_cast<const int16_t*>(scale + tile.n);
  for (int64_t m = 0; m < tile.m; ++m) {
    const auto* row =
        reinterpret_cast<const int16_t*>(tile.rows + static_cast<size_t>(m) * tile.stride);
    for (int64_t n = 0; n < tile.n; ++n) {
      const int16_t* column = columns + n * tile.k * tile.pieces;
      int32_t acc = bias[n];
      for (int64_t p = 0; p < tile.pieces; ++p, column += tile.k) {
        const int16_t* piece = row + static_cast<size_t>(p) * tile.piece_step / sizeof(int16_t);
        for (int64_t k = 0; k < tile.k; ++k) acc = add_product(acc, piece[k], column[k]);
      }
      store_sum(acc, scale[n], tile.out, m * tile.ldc + n, n);
    }
  }
}

}  // namespace eightfold::generic
