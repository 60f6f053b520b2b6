// LstmCellInt8 for 128-bit vectors: four elements at a time, the tables read lane by lane.
#pragma once

#include "kernels/generic/cell_gates_simd.h"
#include "kernels/generic/lstm_scalar.h"

namespace eightfold::generic {

inline void lstm_cell_simd(const LstmStepInt8& step) {
  const LstmCellParams p = *step.params;
  const int64_t n = p.hidden;
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const auto at = [&](int64_t gate) {
      return gate_vector(p, step.x_sums, step.h_sums, gate * n + j);
    };
    const v128_t i = centred(look_up(p.sigmoid, at(0)), p.sigmoid_zero);
    const v128_t o = centred(look_up(p.sigmoid, at(1)), p.sigmoid_zero);
    const v128_t f = centred(look_up(p.sigmoid, at(2)), p.sigmoid_zero);
    const v128_t g = centred(look_up(p.tanh, at(3)), p.tanh_zero);
    const v128_t old = centred(wasm_v128_load(step.c + j), p.cell.zero);
    const v128_t fc = PlaceVectors(p.fc).centred(scaled_product(f, old, p.fc_factor));
    const v128_t ig = PlaceVectors(p.ig).centred(scaled_product(i, g, p.ig_factor));
    const v128_t sum = wasm_f32x4_add(wasm_f32x4_mul(fc, wasm_f32x4_splat(p.from_fc)),
                                      wasm_f32x4_mul(ig, wasm_f32x4_splat(p.from_ig)));
    const v128_t c = place_vector(sum, p.cell);
    wasm_v128_store(step.c + j, c);
    const v128_t tanh = look_up(p.cell_tanh, wasm_i32x4_sub(c, wasm_i32x4_splat(p.cell.lo)));
    store_low_bytes(step.h + j, place_vector(scaled_product(o, tanh, p.h_factor), p.hidden_state));
  }
  lstm_cell_from(step, j);
}

}  // namespace eightfold::generic
