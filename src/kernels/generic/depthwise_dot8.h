// Forms of depthwise_dot.h on bytes: the relaxed dot product over four rows at a time.
//
//   Pairs   acc += widen(dot2(w, a))   sums of two products fit in 16 bits
//   Fused   acc = dot4(w, a, acc)      engines whose 32-bit dot is exact
//
// Offsets and classes as in dense_dot8.h.
#pragma once

#include "kernels/generic/dense_dot8.h"
#include "kernels/generic/depthwise_dot.h"

namespace eightfold::generic {

template <Dot8 form, class Dot>
struct DepthwiseDot8 {
  static constexpr int64_t kRows = 4;
  using Weight = int8_t;
  static int32_t offset(bool is_signed) { return dot8_offset<form, Dot>(is_signed); }
  static v128_t flip(bool is_signed) { return splat_byte(offset(is_signed) == 0 ? 0 : -128); }

  static void store_zero(int32_t zero, uint8_t* line, bool is_signed) {
    const v128_t zeros = splat_byte(static_cast<int8_t>(zero + offset(is_signed)));
    for (int i = 0; i < 4; ++i) wasm_v128_store(line + 16 * i, zeros);
  }
  template <bool is_signed>
  static void store(const v128_t (&rows)[4], uint8_t* line) {
    const v128_t top = flip(is_signed);
    const auto low = [&](v128_t a, v128_t b) {
      return wasm_v128_xor(
          top, wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    };
    const auto high = [&](v128_t a, v128_t b) {
      return wasm_v128_xor(top, wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                                   29, 14, 30, 15, 31));
    };
    const v128_t low01 = low(rows[0], rows[1]), low23 = low(rows[2], rows[3]);
    const v128_t high01 = high(rows[0], rows[1]), high23 = high(rows[2], rows[3]);
    wasm_v128_store(line, wasm_i16x8_shuffle(low01, low23, 0, 8, 1, 9, 2, 10, 3, 11));
    wasm_v128_store(line + 16, wasm_i16x8_shuffle(low01, low23, 4, 12, 5, 13, 6, 14, 7, 15));
    wasm_v128_store(line + 32, wasm_i16x8_shuffle(high01, high23, 0, 8, 1, 9, 2, 10, 3, 11));
    wasm_v128_store(line + 48, wasm_i16x8_shuffle(high01, high23, 4, 12, 5, 13, 6, 14, 7, 15));
  }
  static v128_t add(v128_t acc, v128_t a, v128_t w) {
    if constexpr (form == Dot8::kFused) return Dot::dot4(w, a, acc);
    return wasm_i32x4_add(acc, wasm_i32x4_dot_i16x8(Dot::dot2(w, a), wasm_i16x8_splat(1)));
  }
};

// Whether in every pair of rows that share a 16-bit lane the sums stay inside it.
template <Dot8 form, class Dot>
bool depthwise_dot8_fits(const DepthwiseWeights& weights, int64_t width_taps) {
  const ActivationRange& range = weights.activations;
  const DotClass dot_class = Dot::lowering();
  if (!range.known || dot_class == DotClass::kNone) return false;
  if (form == Dot8::kFused && dot_class == DotClass::kSaturating) return false;
  const bool keeps_least = form == Dot8::kFused && dot_class == DotClass::kSigned16;
  const int64_t least = keeps_least ? -127 : -128;
  const int64_t largest = range.hi + dot8_offset<form, Dot>(range.is_signed);
  if (form != Dot8::kFused && !reads_unsigned(dot_class) && largest > 127) return false;
  const int64_t rows = weights.taps / width_taps;
  for (int64_t c = 0; c < weights.channels; ++c) {
    for (int64_t t = 0; t < width_taps; ++t) {
      for (int64_t r = 0; r < rows; r += 2) {
        int64_t above = 0, below = 0;
        for (int64_t i = r; i < std::min(r + 2, rows); ++i) {
          const int32_t w = weights.at(c, i * width_taps + t);
          if (w < least || w > 127) return false;
          (w > 0 ? above : below) += w;
        }
        if (form == Dot8::kFused) continue;
        if (above * largest > INT16_MAX || below * largest < INT16_MIN) return false;
      }
    }
  }
  return true;
}

template <Dot8 form, class Dot>
inline constexpr DepthwiseInt8 kDepthwiseDot8 =
    depthwise_kernel<DepthwiseDot8<form, Dot>>(depthwise_dot8_fits<form, Dot>);

}  // namespace eightfold::generic
