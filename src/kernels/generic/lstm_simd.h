// LstmCellInt8 for 128-bit vectors: four elements at a time, the tables read lane by lane.
#pragma once

#include "kernels/generic/cell_gates_simd.h"
#include "kernels/generic/lstm_scalar.h"

namespace eightfold::generic {

inline void lstm_cell_simd(const LstmStepInt8& step) {
  const LstmCellParams& p = *step.params;
  const int64_t n = p.hidden;
  int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const auto sigmoid = [&](int64_t gate) {
      return centred(look_up(p.sigmoid, gate_vector(p, step.x_sums, step.h_sums, gate * n + j)),
                     p.sigmoid_zero);
    };
    const v128_t i = sigmoid(0), o = sigmoid(1), f = sigmoid(2);
    const v128_t g =
        centred(look_up(p.tanh, gate_vector(p, step.x_sums, step.h_sums, 3 * n + j)), p.tanh_zero);
    const v128_t old = centred(wasm_v128_load(step.c + j), p.cell.zero);
    const v128_t fc = centred(place_vector(scaled_product(f, old, p.fc_factor), p.fc), p.fc.zero);
    const v128_t ig = centred(place_vector(scaled_product(i, g, p.ig_factor), p.ig), p.ig.zero);
    const v128_t sum = wasm_f32x4_add(wasm_f32x4_mul(fc, wasm_f32x4_splat(p.from_fc)),
                                      wasm_f32x4_mul(ig, wasm_f32x4_splat(p.from_ig)));
    const v128_t c = place_vector(sum, p.cell);
    wasm_v128_store(step.c + j, c);
    const v128_t tanh = look_up(p.cell_tanh, wasm_i32x4_sub(c, wasm_i32x4_splat(p.cell.lo)));
    const v128_t h = place_vector(scaled_product(o, tanh, p.h_factor), p.hidden_state);
    store_low_bytes(step.h + j, h);
  }
  lstm_cell_from(step, j);
}

}  // namespace eightfold::generic
