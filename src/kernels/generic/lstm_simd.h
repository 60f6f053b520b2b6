// LstmCellInt8 for 128-bit vectors: four elements at a time, the tables read lane by lane.
#pragma once

#include "kernels/generic/lstm_scalar.h"
#include "kernels/simd.h"

namespace eightfold::generic {

// q(v, place) of recurrent_int8.h. The clamp comes before the conversion; NaN gives lo.
inline v128_t place_vector(v128_t value, const CellPlace& place) {
  const v128_t lo = wasm_f32x4_splat(static_cast<float>(place.lo - place.zero));
  const v128_t hi = wasm_f32x4_splat(static_cast<float>(place.hi - place.zero));
  const v128_t inside = wasm_f32x4_pmin(hi, wasm_f32x4_pmax(lo, wasm_f32x4_nearest(value)));
  return wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(inside), wasm_i32x4_splat(place.zero));
}

inline v128_t centred(v128_t q, int32_t zero) {
  return wasm_f32x4_convert_i32x4(wasm_i32x4_sub(q, wasm_i32x4_splat(zero)));
}

inline v128_t look_up(const uint16_t* table, v128_t at) {
  return wasm_i32x4_make(
      table[wasm_i32x4_extract_lane(at, 0)], table[wasm_i32x4_extract_lane(at, 1)],
      table[wasm_i32x4_extract_lane(at, 2)], table[wasm_i32x4_extract_lane(at, 3)]);
}
inline v128_t look_up(const float* table, v128_t at) {
  return wasm_f32x4_make(
      table[wasm_i32x4_extract_lane(at, 0)], table[wasm_i32x4_extract_lane(at, 1)],
      table[wasm_i32x4_extract_lane(at, 2)], table[wasm_i32x4_extract_lane(at, 3)]);
}

// Places in the tables of the gate activations.
inline v128_t linear_vector(const LstmStepInt8& step, int64_t n) {
  const LstmCellParams& p = *step.params;
  const v128_t x = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_v128_load(step.x_sums + n)),
                                  wasm_v128_load(p.x_scale + n));
  const v128_t h = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_v128_load(step.h_sums + n)),
                                  wasm_v128_load(p.h_scale + n));
  const v128_t l = place_vector(wasm_f32x4_add(x, h), p.linear);
  return wasm_i32x4_sub(l, wasm_i32x4_splat(p.linear.lo));
}

inline v128_t scaled_product(v128_t a, v128_t b, float factor) {
  return wasm_f32x4_mul(wasm_f32x4_mul(a, b), wasm_f32x4_splat(factor));
}

inline void lstm_cell_simd(const LstmStepInt8& step) {
  const LstmCellParams& p = *step.params;
  const int64_t n = p.hidden;
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const auto sigmoid = [&](int64_t gate) {
      return centred(look_up(p.sigmoid, linear_vector(step, gate * n + j)), p.sigmoid_zero);
    };
    const v128_t i = sigmoid(0), o = sigmoid(1), f = sigmoid(2);
    const v128_t g = centred(look_up(p.tanh, linear_vector(step, 3 * n + j)), p.tanh_zero);
    const v128_t old = centred(wasm_v128_load(step.c + j), p.cell.zero);
    const v128_t fc = centred(place_vector(scaled_product(f, old, p.fc_factor), p.fc), p.fc.zero);
    const v128_t ig = centred(place_vector(scaled_product(i, g, p.ig_factor), p.ig), p.ig.zero);
    const v128_t sum = wasm_f32x4_add(wasm_f32x4_mul(fc, wasm_f32x4_splat(p.from_fc)),
                                      wasm_f32x4_mul(ig, wasm_f32x4_splat(p.from_ig)));
    const v128_t c = place_vector(sum, p.cell);
    wasm_v128_store(step.c + j, c);
    const v128_t tanh = look_up(p.cell_tanh, wasm_i32x4_sub(c, wasm_i32x4_splat(p.cell.lo)));
    const v128_t h = place_vector(scaled_product(o, tanh, p.h_factor), p.hidden_state);
    const v128_t bytes = wasm_i8x16_shuffle(h, h, 0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    wasm_v128_store32_lane(step.h + j, bytes, 0);
  }
  lstm_cell_from(step, j);
}

}  // namespace eightfold::generic
