// Dense int8 product on 16-bit operands: i32x4.dot_i16x8 over pairs of k. Exact for all 8-bit data.
//
// Packed weights: blocks of 16 columns (the last one 8 when at most 8 are left), each
//   [bias i32 x NR][scale f32 x NR][pairs of k: (w[2p][n], w[2p+1][n]) as i16 for n in the block]
// Prepared rows: int16 minus the zero point, padded with zeros. Register tiles: 2 x 16 and 4 x 8.
#pragma once

#include <algorithm>

#include "kernels/generic/dense_scalar.h"
#include "kernels/generic/simd_requantize.h"

namespace eightfold::generic {

inline int64_t dot16_block_columns(int64_t columns_left) { return columns_left <= 8 ? 8 : 16; }

inline size_t dot16_block_bytes(int64_t k, int64_t columns) {
  return static_cast<size_t>(columns) * (8 + 4 * static_cast<size_t>((k + 1) / 2));
}

inline size_t dot16_packed_bytes(int64_t k, int64_t n) {
  size_t bytes = 0;
  for (int64_t at = 0; at < n; at += 16) bytes += dot16_block_bytes(k, dot16_block_columns(n - at));
  return bytes;
}

inline void dot16_pack_block(const DenseWeights& weights, int64_t first, int64_t columns,
                             uint8_t* block) {
  auto* bias = reinterpret_cast<int32_t*>(block);
  auto* scale = reinterpret_cast<float*>(bias + columns);
  auto* pairs = reinterpret_cast<int16_t*>(scale + columns);
  const int64_t real = std::min(columns, weights.n - first);
  for (int64_t c = 0; c < columns; ++c) {
    const auto n = static_cast<size_t>(first + c);
    bias[c] = c < real && !weights.bias.empty() ? weights.bias[n] : 0;
    scale[c] = c >= real ? 0.0f : weights.scale.empty() ? 1.0f : weights.scale[n];
  }
  const int64_t even = (weights.k() + 1) / 2 * 2;
  for (int64_t k = 0; k < even; ++k) {
    int16_t* out = pairs + (k / 2) * columns * 2 + k % 2;
    for (int64_t c = 0; c < columns; ++c) {
      const bool inside = c < real && k < weights.k();
      out[2 * c] = inside ? static_cast<int16_t>(weights.at(k, first + c)) : int16_t{0};
    }
  }
}

inline void dot16_pack(const DenseWeights& weights, uint8_t* packed) {
  for (int64_t n = 0; n < weights.n; n += 16) {
    const int64_t columns = dot16_block_columns(weights.n - n);
    dot16_pack_block(weights, n, columns, packed);
    packed += dot16_block_bytes(weights.k(), columns);
  }
}

template <bool is_signed>
void load_int16(const Int8Input& input, int64_t offset, int64_t n, uint8_t* row) {
  const auto* x = static_cast<const uint8_t*>(input.data) + offset;
  const v128_t zero = wasm_i16x8_splat(static_cast<int16_t>(input.zero_point));
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const v128_t bytes = wasm_v128_load(x + i);
    wasm_v128_store(row + 2 * i, wasm_i16x8_sub(widen_low<is_signed>(bytes), zero));
    wasm_v128_store(row + 2 * i + 16, wasm_i16x8_sub(widen_high<is_signed>(bytes), zero));
  }
  if (i == n) return;
  if (n < 8) return load_int16_scalar(input, offset, n, row);
  // The rest in steps of 8, the last of which overlaps what is done already.
  for (; i < n; i += 8) {
    const int64_t at = std::min(i, n - 8);
    const v128_t wide = is_signed ? wasm_i16x8_load8x8(x + at) : wasm_u16x8_load8x8(x + at);
    wasm_v128_store(row + 2 * at, wasm_i16x8_sub(wide, zero));
  }
}

inline void load_int16_simd(const Int8Input& input, int64_t offset, int64_t n, uint8_t* row) {
  input.is_signed ? load_int16<true>(input, offset, n, row)
                  : load_int16<false>(input, offset, n, row);
}

// How a row of NV accumulator vectors becomes output; n columns are left from the first of them on.
template <bool is_signed>
struct ByteSink {
  RoundVectors round;
  v128_t high;
  const float* slopes_end;
  static constexpr size_t kBytes = 1;
  explicit ByteSink(const DenseTile& tile)
      : round(tile.out.zero_point, tile.out.lo),
        high(splat_byte(tile.out.hi)),
        slopes_end(tile.out.slopes ? tile.out.slopes + tile.n : nullptr) {}
  template <int NV>
  void store(const v128_t (&acc)[NV], const uint8_t* scale, uint8_t* to, int64_t n) const {
    v128_t q[4];
    for (int j = 0; j < NV; ++j) {
      const v128_t factor = wasm_v128_load(scale + 16 * j);
      q[j] = slopes_end
                 ? requantize_vector(acc[j], factor, wasm_v128_load(slopes_end - n + 4 * j), round)
                 : requantize_vector(acc[j], factor, round);
    }
    for (int j = NV; j < 4; ++j) q[j] = q[j - NV];
    const v128_t bytes =
        min_bytes<is_signed>(narrow_bytes<is_signed>(q[0], q[1], q[2], q[3]), high);
    if (NV == 4 && n >= 16) {
      wasm_v128_store(to, bytes);
    } else if (NV == 2 && n >= 8) {
      wasm_v128_store64_lane(to, bytes, 0);
    } else {
      store_bytes(to, bytes, n);
    }
  }
};

template <bool is_float>
struct WordSink {
  static constexpr size_t kBytes = 4;
  explicit WordSink(const DenseTile&) {}
  template <int NV>
  void store(const v128_t (&acc)[NV], const uint8_t* scale, uint8_t* to, int64_t n) const {
    for (int j = 0; j < NV && 4 * j < n; ++j) {
      const v128_t word = is_float ? wasm_f32x4_mul(wasm_f32x4_convert_i32x4(acc[j]),
                                                    wasm_v128_load(scale + 16 * j))
                                   : acc[j];
      if (n >= 4 * (j + 1)) {
        wasm_v128_store(to + 16 * j, word);
      } else {
        store_bytes(to + 16 * j, word, 4 * (n - 4 * j));
      }
    }
  }
};

// MR rows against one block of 4 * NV columns. The k loop is left rolled: engines that unroll it
// themselves run out of registers.
template <int MR, int NV, class Sink>
inline void dot16_tile(const DenseTile& tile, const Sink& sink, const uint8_t* block, int64_t m,
                       int64_t n) {
  const uint8_t* row[MR];
  v128_t acc[MR][NV];
  for (int i = 0; i < MR; ++i) {
    row[i] = tile.rows + static_cast<size_t>(m + i) * tile.stride;
    for (int j = 0; j < NV; ++j) acc[i][j] = wasm_v128_load(block + 16 * j);
  }
  const uint8_t* w = block + 32 * NV;
  const int64_t pairs = (tile.k + 1) / 2;
  for (int64_t piece = tile.pieces;;) {
    for (int64_t pair = pairs; pair > 0; --pair) {
      v128_t weight[NV];
      for (int j = 0; j < NV; ++j) weight[j] = wasm_v128_load(w + 16 * j);
      w += 16 * NV;
      for (int i = 0; i < MR; ++i) {
        const v128_t a = wasm_v128_load32_splat(row[i]);
        row[i] += 4;
        for (int j = 0; j < NV; ++j) {
          acc[i][j] = wasm_i32x4_add(acc[i][j], wasm_i32x4_dot_i16x8(weight[j], a));
        }
      }
    }
    if (--piece == 0) break;
    for (int i = 0; i < MR; ++i) row[i] += tile.piece_step - static_cast<size_t>(4 * pairs);
  }
  auto* out = static_cast<uint8_t*>(tile.out.data);
  for (int i = 0; i < MR; ++i) {
    uint8_t* to = out + static_cast<size_t>((m + i) * tile.ldc + n) * Sink::kBytes;
    sink.template store<NV>(acc[i], block + 16 * NV, to, tile.n - n);
  }
}

// All rows of a tile, MR at a time; the last MR overlap the ones before.
template <int MR, int NV, class Sink>
void dot16_rows(const DenseTile& tile, const Sink& sink, const uint8_t* block, int64_t n) {
  int64_t m = 0;
  if (tile.m >= MR) {
    for (; m < tile.m; m += MR) {
      m = std::min(m, tile.m - MR);
      dot16_tile<MR, NV>(tile, sink, block, m, n);
    }
  }
  for (; m < tile.m; ++m) dot16_tile<1, NV>(tile, sink, block, m, n);
}

template <class Sink>
void dot16_run_as(const DenseTile& tile) {
  const Sink sink(tile);
  const uint8_t* block = tile.packed;
  for (int64_t n = 0; n < tile.n; n += 16) {
    const int64_t columns = dot16_block_columns(tile.n - n);
    columns == 16 ? dot16_rows<2, 4>(tile, sink, block, n) : dot16_rows<4, 2>(tile, sink, block, n);
    block += dot16_block_bytes(tile.k * tile.pieces, columns);
  }
}

inline void dot16_run(const DenseTile& tile) {
  switch (tile.out.dtype) {
    case DType::kUint8: return dot16_run_as<ByteSink<false>>(tile);
    case DType::kInt8: return dot16_run_as<ByteSink<true>>(tile);
    case DType::kInt32: return dot16_run_as<WordSink<false>>(tile);
    default: return dot16_run_as<WordSink<true>>(tile);
  }
}

}  // namespace eightfold::generic
