// Values of an integer cell's places (recurrent_int8.h), four at a time.
//
// A value is clamped as a float, so that NaN gives lo and adding 1.5 * 2^23 leaves its integer
// part, rounded half to even, in the low mantissa bits (simd_requantize.h): the integers of
// to_place().
#pragma once

#include "kernels/generic/simd_requantize.h"
#include "kernels/recurrent_int8.h"
#include "kernels/simd.h"

namespace eightfold::generic {

struct PlaceVectors {
  v128_t lo, hi, magic, zero, lowest;
  explicit PlaceVectors(const CellPlace& place)
      : lo(wasm_f32x4_splat(static_cast<float>(place.lo - place.zero))),
        hi(wasm_f32x4_splat(static_cast<float>(place.hi - place.zero))),
        magic(wasm_f32x4_splat(kMagic)),
        zero(wasm_i32x4_splat(kMagicBits - place.zero)),
        lowest(wasm_i32x4_splat(kMagicBits + place.lo - place.zero)) {}

  v128_t bits(v128_t value) const {
    return wasm_f32x4_add(wasm_f32x4_pmin(hi, wasm_f32x4_pmax(lo, value)), magic);
  }
  // q = q(value, place); q - place.zero as a float; q - place.lo.
  v128_t quantized(v128_t value) const { return wasm_i32x4_sub(bits(value), zero); }
  v128_t centred(v128_t value) const { return wasm_f32x4_sub(bits(value), magic); }
  v128_t index(v128_t value) const { return wasm_i32x4_sub(bits(value), lowest); }
};

inline v128_t centred(v128_t q, int32_t zero) {
  return wasm_f32x4_convert_i32x4(wasm_i32x4_sub(q, wasm_i32x4_splat(zero)));
}

inline v128_t look_up(const uint16_t* table, v128_t at) {
  v128_t found = wasm_i32x4_splat(0);
  found = wasm_v128_load16_lane(table + wasm_i32x4_extract_lane(at, 0), found, 0);
  found = wasm_v128_load16_lane(table + wasm_i32x4_extract_lane(at, 1), found, 2);
  found = wasm_v128_load16_lane(table + wasm_i32x4_extract_lane(at, 2), found, 4);
  return wasm_v128_load16_lane(table + wasm_i32x4_extract_lane(at, 3), found, 6);
}
inline v128_t look_up(const float* table, v128_t at) {
  v128_t found = wasm_v128_load32_zero(table + wasm_i32x4_extract_lane(at, 0));
  found = wasm_v128_load32_lane(table + wasm_i32x4_extract_lane(at, 1), found, 1);
  found = wasm_v128_load32_lane(table + wasm_i32x4_extract_lane(at, 2), found, 2);
  return wasm_v128_load32_lane(table + wasm_i32x4_extract_lane(at, 3), found, 3);
}

}  // namespace eightfold::generic
