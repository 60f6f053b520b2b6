// Vector pieces that the int8 kernels share: widening loads and the rounding by magic number.
//
// Adding 1.5 * 2^23 to a float leaves its integer part, rounded half to even, in the low mantissa
// bits. The bit pattern of the sum grows with the value on either side of that window, so an
// integer max and the saturating narrows put everything out of range at the right end: the bytes
// equal generic/requantize.h for every input.
#pragma once

#include <bit>
#include <cstring>

#include "kernels/int8.h"
#include "kernels/simd.h"

namespace eightfold::generic {

inline constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
inline constexpr int32_t kMagicBits = 0x4B400000;

// q = round(value) + zero_point, not below lo; saturating narrows and clamp_bytes do the upper end.
struct RoundVectors {
  v128_t magic, floor, offset;
  RoundVectors(int32_t zero_point, int32_t lo)
      : magic(wasm_f32x4_splat(kMagic)),
        floor(wasm_i32x4_splat(kMagicBits + lo - zero_point)),
        offset(wasm_i32x4_splat(kMagicBits - zero_point)) {}
};

inline v128_t round_vector(v128_t value, const RoundVectors& r) {
  const v128_t bits = wasm_f32x4_add(value, r.magic);
  return wasm_i32x4_sub(wasm_i32x4_max(bits, r.floor), r.offset);
}

inline v128_t requantize_vector(v128_t acc, v128_t scale, const RoundVectors& r) {
  return round_vector(wasm_f32x4_mul(wasm_f32x4_convert_i32x4(acc), scale), r);
}

// With v * slope in place of a negative v = acc * scale; one of the two terms is 0.
inline v128_t requantize_vector(v128_t acc, v128_t scale, v128_t slope, const RoundVectors& r) {
  const v128_t value = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(acc), scale);
  const v128_t zero = wasm_f32x4_splat(0.0f);
  const v128_t below = wasm_f32x4_mul(wasm_f32x4_pmin(zero, value), slope);
  return round_vector(wasm_f32x4_add(wasm_f32x4_pmax(zero, value), below), r);
}

// Sixteen 32-bit results to bytes, saturating.
template <bool is_signed>
v128_t narrow_bytes(v128_t a, v128_t b, v128_t c, v128_t d) {
  const v128_t low = wasm_i16x8_narrow_i32x4(a, b);
  const v128_t high = wasm_i16x8_narrow_i32x4(c, d);
  return is_signed ? wasm_i8x16_narrow_i16x8(low, high) : wasm_u8x16_narrow_i16x8(low, high);
}

template <bool is_signed>
v128_t min_bytes(v128_t a, v128_t b) {
  return is_signed ? wasm_i8x16_min(a, b) : wasm_u8x16_min(a, b);
}
template <bool is_signed>
v128_t max_bytes(v128_t a, v128_t b) {
  return is_signed ? wasm_i8x16_max(a, b) : wasm_u8x16_max(a, b);
}

template <bool is_signed>
v128_t widen_low(v128_t bytes) {
  return is_signed ? wasm_i16x8_extend_low_i8x16(bytes) : wasm_u16x8_extend_low_u8x16(bytes);
}
template <bool is_signed>
v128_t widen_high(v128_t bytes) {
  return is_signed ? wasm_i16x8_extend_high_i8x16(bytes) : wasm_u16x8_extend_high_u8x16(bytes);
}

// Sixteen bytes as four vectors of float(q - zero).
template <bool is_signed>
void widen_to_float(v128_t bytes, v128_t zero, v128_t (&out)[4]) {
  const v128_t low = wasm_i16x8_sub(widen_low<is_signed>(bytes), zero);
  const v128_t high = wasm_i16x8_sub(widen_high<is_signed>(bytes), zero);
  out[0] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(low));
  out[1] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(low));
  out[2] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(high));
  out[3] = wasm_f32x4_convert_i32x4(wasm_i32x4_extend_high_i16x8(high));
}

inline v128_t splat_byte(int32_t value) { return wasm_i8x16_splat(static_cast<int8_t>(value)); }

// The first n <= 16 bytes of a vector.
inline void store_bytes(void* to, v128_t bytes, int64_t n) {
  uint8_t all[16];
  wasm_v128_store(all, bytes);
  std::memcpy(to, all, static_cast<size_t>(n));
}

}  // namespace eightfold::generic
