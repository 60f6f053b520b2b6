// What the integer cells share, for 128-bit vectors: four elements at a time, the tables read lane
// by lane.
#pragma once

#include "kernels/generic/cell_gates.h"
#include "kernels/generic/place_vector.h"

namespace eightfold::generic {

// Places and factors are splat where they are used: callers hold a copy of the parameters, which no
// store in their loops can change, so that compilers do it before them.
inline v128_t place_vector(v128_t value, const CellPlace& place) {
  return PlaceVectors(place).quantized(value);
}

// `x` and `h`: the terms of a column, in steps of the linear output.
inline v128_t index_vector(const CellGates& gates, v128_t x, v128_t h) {
  return PlaceVectors(gates.linear).index(wasm_f32x4_add(x, h));
}

inline v128_t scaled_sums(const int32_t* sums, const float* scale) {
  return wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_v128_load(sums)), wasm_v128_load(scale));
}

// Places in the tables of the columns from n on.
inline v128_t gate_vector(const CellGates& gates, const int32_t* x_sums, const int32_t* h_sums,
                          int64_t n) {
  return index_vector(gates, scaled_sums(x_sums + n, gates.x_scale + n),
                      scaled_sums(h_sums + n, gates.h_scale + n));
}

inline v128_t scaled_product(v128_t a, v128_t b, float factor) {
  return wasm_f32x4_mul(wasm_f32x4_mul(a, b), wasm_f32x4_splat(factor));
}

// Of each of the four lanes.
inline void store_low_bytes(uint8_t* to, v128_t lanes) {
  const v128_t bytes =
      wasm_i8x16_shuffle(lanes, lanes, 0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  wasm_v128_store32_lane(to, bytes, 0);
}

}  // namespace eightfold::generic
