// Dense int8 product on bytes: the relaxed dot product of WebAssembly, in four exact forms.
//
//   kFused   acc += dot4(w, a)                                 engines whose 32-bit dot is exact
//   kPairs   acc += widen(dot2(w, a))                          sums of pairs fit in 16 bits
//   kQuads   acc += widen(dot2(w, a) + dot2(w', a'))           sums of two pairs fit
//   kSigns   acc += widen(dot2(a < 0 ? ~w : w, |a|)) + below   always, where bytes are read
//   unsigned
//
// Rows hold the activations as bytes a = x + offset, where the offset makes them unsigned (signed
// for kSigns, and for kFused on engines that read signed bytes); bias - (zero point + offset) *
// sum(w) takes it off again. For kSigns ~w * |a| = w * a - |a|: `below`, the sum of |a| over all a
// < 0, is one number for a row, and pairs lie in [-32768, 32512]. Packed weights: blocks of 16
// columns (the last one 8 when at most 8 are left), each
//   [bias i32 x NR][scale f32 x NR][per four k: 4 columns x 4 k of one vector, NR / 4 vectors]
// `Dot` is the engine: dot2(w, a) -> i16x8, dot4(w, a, acc) -> i32x4, lowering() -> DotClass.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/dot_class.h"
#include "kernels/generic/dense_dot16.h"

namespace eightfold::generic {

enum class Dot8 : uint8_t { kFused, kPairs, kQuads, kSigns };

// Groups of four k in one step.
template <Dot8 form>
inline constexpr int kDot8Groups = form == Dot8::kQuads ? 2 : 1;

template <Dot8 form>
int64_t dot8_padded(int64_t k) {
  constexpr int64_t kStep = 4 * kDot8Groups<form>;
  return (k + kStep - 1) / kStep * kStep;
}

template <Dot8 form>
size_t dot8_row_bytes(int64_t k) {
  return static_cast<size_t>((dot8_padded<form>(k) + 15) / 16 * 16);
}

template <Dot8 form>
size_t dot8_block_bytes(int64_t k, int64_t columns) {
  return static_cast<size_t>(columns * (8 + dot8_padded<form>(k)));
}

template <Dot8 form>
size_t dot8_packed_bytes(int64_t k, int64_t n) {
  size_t bytes = 0;
  for (int64_t at = 0; at < n; at += 16) {
    bytes += dot8_block_bytes<form>(k, dot16_block_columns(n - at));
  }
  return bytes;
}

// What is added to an activation before it is stored as a byte.
template <Dot8 form, class Dot>
int32_t dot8_offset(bool is_signed) {
  const bool to_unsigned =
      form == Dot8::kFused ? reads_unsigned(Dot::lowering()) : form != Dot8::kSigns;
  if (to_unsigned == !is_signed) return 0;
  return to_unsigned ? 128 : -128;
}

// Whether in every group of weights that share a 16-bit lane the sums stay inside it.
template <Dot8 form>
bool dot8_lanes_fit(const DenseWeights& weights, int64_t largest) {
  constexpr int64_t kBlock = 4 * kDot8Groups<form>;
  for (int64_t n = 0; n < weights.n; ++n) {
    for (int64_t first = 0; first < weights.k(); first += kBlock) {
      int64_t above[2] = {}, below[2] = {};
      for (int64_t k = first; k < std::min(first + kBlock, weights.k()); ++k) {
        const int32_t w = weights.at(k, n);
        (w > 0 ? above : below)[k / 2 % 2] += w;
      }
      for (int lane = 0; lane < 2; ++lane) {
        if (above[lane] * largest > INT16_MAX || below[lane] * largest < INT16_MIN) return false;
      }
    }
  }
  return true;
}

inline bool dot8_weights_between(const DenseWeights& weights, int32_t lo, int32_t hi) {
  for (int64_t n = 0; n < weights.n; ++n) {
    for (int64_t k = 0; k < weights.k(); ++k) {
      const int32_t w = weights.at(k, n);
      if (w < lo || w > hi) return false;
    }
  }
  return true;
}

template <Dot8 form, class Dot>
bool dot8_fits(const DenseWeights& weights) {
  const ActivationRange& range = weights.activations;
  const DotClass dot_class = Dot::lowering();
  if (!range.known || dot_class == DotClass::kNone) return false;
  if (form == Dot8::kFused) {
    if (dot_class == DotClass::kSaturating) return false;
    // -128 * -128 twice is the one pair that wraps.
    return dot8_weights_between(weights, dot_class == DotClass::kSigned16 ? -127 : -128, 127);
  }
  if (form == Dot8::kSigns) {
    return range.one_row && reads_unsigned(dot_class) && weights.pieces == 0 &&
           dot8_weights_between(weights, -128, 127);
  }
  const int64_t largest = range.hi + dot8_offset<form, Dot>(range.is_signed);
  // Bytes without their top bit are the same number either way.
  if (!reads_unsigned(dot_class) && largest > 127) return false;
  return dot8_weights_between(weights, -128, 127) && dot8_lanes_fit<form>(weights, largest);
}

template <Dot8 form, class Dot>
void dot8_pack_block(const DenseWeights& weights, int64_t first, int64_t columns, uint8_t* block) {
  auto* bias = reinterpret_cast<int32_t*>(block);
  auto* scale = reinterpret_cast<float*>(bias + columns);
  auto* bytes = reinterpret_cast<int8_t*>(scale + columns);
  const int64_t zero =
      weights.activations.zero_point + dot8_offset<form, Dot>(weights.activations.is_signed);
  const int64_t real = std::min(columns, weights.n - first);
  std::memset(block, 0, dot8_block_bytes<form>(weights.k(), columns));
  for (int64_t c = 0; c < real; ++c) {
    const auto n = static_cast<size_t>(first + c);
    int64_t sum = 0;
    for (int64_t k = 0; k < weights.k(); ++k) {
      const int32_t w = weights.at(k, first + c);
      bytes[k / 4 * 4 * columns + c * 4 + k % 4] = static_cast<int8_t>(w);
      sum += w;
    }
    const int64_t given = weights.bias.empty() ? 0 : weights.bias[n];
    bias[c] = static_cast<int32_t>(static_cast<uint32_t>(given - zero * sum));
    scale[c] = weights.scale.empty() ? 1.0f : weights.scale[n];
  }
}

template <Dot8 form, class Dot>
void dot8_pack(const DenseWeights& weights, uint8_t* packed) {
  for (int64_t n = 0; n < weights.n; n += 16) {
    const int64_t columns = dot16_block_columns(weights.n - n);
    dot8_pack_block<form, Dot>(weights, n, columns, packed);
    packed += dot8_block_bytes<form>(weights.k(), columns);
  }
}

// An offset of 128 either way is a flip of the top bit.
template <Dot8 form, class Dot>
void dot8_load(const Int8Input& input, int64_t offset, int64_t n, uint8_t* row) {
  const auto* x = static_cast<const uint8_t*>(input.data) + offset;
  if (dot8_offset<form, Dot>(input.is_signed) == 0) {
    std::memcpy(row, x, static_cast<size_t>(n));
    return;
  }
  const v128_t top = splat_byte(-128);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    wasm_v128_store(row + i, wasm_v128_xor(wasm_v128_load(x + i), top));
  }
  for (; i < n; ++i) row[i] = static_cast<uint8_t>(x[i] ^ 0x80);
}

template <Dot8 form, class Dot>
void dot8_pad(const Int8Input& input, int64_t n, uint8_t* row) {
  const int32_t zero = input.zero_point + dot8_offset<form, Dot>(input.is_signed);
  std::memset(row, zero, static_cast<size_t>(n));
}

// Rows that end on a step need no tail, and nothing to be added needs no copy.
template <Dot8 form, class Dot>
bool dot8_in_place(const Int8Input& input, int64_t k) {
  return dot8_offset<form, Dot>(input.is_signed) == 0 && k == dot8_padded<form>(k);
}

// Ones where a < 0, and where it is 0, which adds nothing: compilers make a shift of a < 0, which
// engines on x86 have no instruction for.
inline v128_t dot8_mask(v128_t a) { return wasm_i8x16_lt(a, splat_byte(1)); }

// `below` of a row.
inline int32_t dot8_below(const uint8_t* row, int64_t n) {
  v128_t sums = wasm_i32x4_splat(0);
  const auto add = [&](v128_t a) {
    const v128_t below = wasm_v128_and(wasm_i8x16_abs(a), dot8_mask(a));
    sums = wasm_i32x4_add(
        sums, wasm_u32x4_extadd_pairwise_u16x8(wasm_u16x8_extadd_pairwise_u8x16(below)));
  };
  int64_t k = 0;
  for (; k + 16 <= n; k += 16) add(wasm_v128_load(row + k));
  for (; k < n; k += 4) add(wasm_v128_load32_zero(row + k));
  return wasm_i32x4_extract_lane(sums, 0) + wasm_i32x4_extract_lane(sums, 1) +
         wasm_i32x4_extract_lane(sums, 2) + wasm_i32x4_extract_lane(sums, 3);
}

template <Dot8 form, class Dot, int NV>
inline void dot8_step(v128_t (&acc)[NV], const v128_t (&w)[kDot8Groups<form>][NV],
                      const v128_t (&a)[kDot8Groups<form>], v128_t ones) {
  const v128_t below = dot8_mask(a[0]), size = wasm_i8x16_abs(a[0]);
  for (int j = 0; j < NV; ++j) {
    if constexpr (form == Dot8::kFused) {
      acc[j] = Dot::dot4(w[0][j], a[0], acc[j]);
    } else {
      const bool signs = form == Dot8::kSigns;
      v128_t sums = Dot::dot2(signs ? wasm_v128_xor(w[0][j], below) : w[0][j], signs ? size : a[0]);
      if constexpr (form == Dot8::kQuads) sums = wasm_i16x8_add(sums, Dot::dot2(w[1][j], a[1]));
      acc[j] = wasm_i32x4_add(acc[j], wasm_i32x4_dot_i16x8(sums, ones));
    }
  }
}

// MR rows against the columns from 4 * `vector` on, 4 * NV of them, of a block of `vectors`
// vectors. The k loop is left rolled, as in dense_dot16.h.
template <Dot8 form, class Dot, int MR, int NV, class Sink>
inline void dot8_tile(const DenseTile& tile, const Sink& sink, const uint8_t* block, int vectors,
                      int vector, int64_t m, int64_t n, [[maybe_unused]] int32_t below = 0) {
  constexpr int kGroups = kDot8Groups<form>;
  const uint8_t* row[MR];
  v128_t acc[MR][NV];
  const uint8_t* bias = block + 16 * vector;
  const uint8_t* scale = bias + 16 * vectors;
  for (int i = 0; i < MR; ++i) {
    row[i] = tile.rows + static_cast<size_t>(m + i) * tile.stride;
    for (int j = 0; j < NV; ++j) {
      acc[i][j] = wasm_v128_load(bias + 16 * j);
      if (form != Dot8::kSigns) continue;
      acc[i][j] = wasm_i32x4_add(acc[i][j], wasm_i32x4_splat(below));
    }
  }
  const v128_t ones = wasm_i16x8_splat(1);
  const uint8_t* w = scale + 16 * vectors;
  const size_t step = static_cast<size_t>(16 * vectors);
  const int64_t padded = dot8_padded<form>(tile.k);
  for (int64_t piece = tile.pieces;;) {
    for (int64_t k = padded; k > 0; k -= 4 * kGroups) {
      v128_t weight[kGroups][NV];
      for (int g = 0; g < kGroups; ++g) {
        for (int j = 0; j < NV; ++j) weight[g][j] = wasm_v128_load(w + 16 * j);
        w += step;
      }
      for (int i = 0; i < MR; ++i) {
        v128_t a[kGroups];
        for (int g = 0; g < kGroups; ++g) a[g] = wasm_v128_load32_splat(row[i] + 4 * g);
        row[i] += 4 * kGroups;
        dot8_step<form, Dot, NV>(acc[i], weight, a, ones);
      }
    }
    if (--piece == 0) break;
    for (int i = 0; i < MR; ++i) row[i] += tile.piece_step - static_cast<size_t>(padded);
  }
  auto* out = static_cast<uint8_t*>(tile.out.data);
  for (int i = 0; i < MR; ++i) {
    uint8_t* to = out + static_cast<size_t>((m + i) * tile.ldc + n) * Sink::kBytes;
    sink.template store<NV>(acc[i], scale, to, tile.n - n);
  }
}

// All rows of a tile against 4 * NV columns, MR rows at a time; the last MR overlap the ones
// before.
template <Dot8 form, class Dot, int MR, int NV, class Sink>
void dot8_rows(const DenseTile& tile, const Sink& sink, const uint8_t* block, int vectors,
               int vector, int64_t n) {
  int64_t m = 0;
  if (tile.m >= MR) {
    for (; m < tile.m; m += MR) {
      m = std::min(m, tile.m - MR);
      dot8_tile<form, Dot, MR, NV>(tile, sink, block, vectors, vector, m, n);
    }
  }
  for (; m < tile.m; ++m) dot8_tile<form, Dot, 1, NV>(tile, sink, block, vectors, vector, m, n);
}

// kSigns: a row against all columns, then the next.
template <Dot8 form, class Dot, class Sink>
void dot8_row_by_row(const DenseTile& tile, const Sink& sink) {
  for (int64_t m = 0; m < tile.m; ++m) {
    const int32_t below =
        dot8_below(tile.rows + static_cast<size_t>(m) * tile.stride, dot8_padded<form>(tile.k));
    const uint8_t* block = tile.packed;
    for (int64_t n = 0; n < tile.n; n += 16) {
      const int64_t columns = dot16_block_columns(tile.n - n);
      columns == 8 ? dot8_tile<form, Dot, 1, 2>(tile, sink, block, 2, 0, m, n, below)
                   : dot8_tile<form, Dot, 1, 4>(tile, sink, block, 4, 0, m, n, below);
      block += dot8_block_bytes<form>(tile.k, columns);
    }
  }
}

template <Dot8 form, class Dot, class Sink>
void dot8_run_as(const DenseTile& tile) {
  const Sink sink(tile);
  if constexpr (form == Dot8::kSigns) return dot8_row_by_row<form, Dot>(tile, sink);
  const uint8_t* block = tile.packed;
  for (int64_t n = 0; n < tile.n; n += 16) {
    const int64_t columns = dot16_block_columns(tile.n - n);
    if (columns == 8) {
      dot8_rows<form, Dot, 4, 2>(tile, sink, block, 2, 0, n);
    } else if (tile.m == 1) {
      dot8_rows<form, Dot, 1, 4>(tile, sink, block, 4, 0, n);
    } else if constexpr (form == Dot8::kQuads) {
      dot8_rows<form, Dot, 4, 2>(tile, sink, block, 4, 0, n);
      dot8_rows<form, Dot, 4, 2>(tile, sink, block, 4, 2, n + 8);
    } else {
      dot8_rows<form, Dot, 2, 4>(tile, sink, block, 4, 0, n);
    }
    block += dot8_block_bytes<form>(tile.k * tile.pieces, columns);
  }
}

template <Dot8 form, class Dot>
void dot8_run(const DenseTile& tile) {
  switch (tile.out.dtype) {
    case DType::kUint8: return dot8_run_as<form, Dot, ByteSink<false>>(tile);
    case DType::kInt8: return dot8_run_as<form, Dot, ByteSink<true>>(tile);
    case DType::kInt32: return dot8_run_as<form, Dot, WordSink<false>>(tile);
    default: return dot8_run_as<form, Dot, WordSink<true>>(tile);
  }
}

template <Dot8 form, class Dot>
inline constexpr DenseInt8 kDenseDot8{.fits = dot8_fits<form, Dot>,
                                      .packed_bytes = dot8_packed_bytes<form>,
                                      .pack = dot8_pack<form, Dot>,
                                      .step = 4 * kDot8Groups<form>,
                                      .element_bytes = 1,
                                      .row_bytes = dot8_row_bytes<form>,
                                      .load = dot8_load<form, Dot>,
                                      .pad = dot8_pad<form, Dot>,
                                      .in_place = dot8_in_place<form, Dot>,
                                      .run = dot8_run<form, Dot>,
                                      .block_columns = 16};

}  // namespace eightfold::generic
