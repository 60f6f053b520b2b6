// GruCellInt8 and RnnCellInt8 for 128-bit vectors.
#pragma once

#include "kernels/generic/cell_gates_simd.h"
#include "kernels/generic/gru_scalar.h"

namespace eightfold::generic {

inline v128_t sigmoid_vector(const GruCellParams& p, const GruStepInt8& step, int64_t n) {
  return centred(look_up(p.sigmoid, gate_vector(p, step.x_sums, step.h_sums, n)), p.sigmoid_zero);
}

inline void gru_reset_simd(const GruStepInt8& step) {
  const GruCellParams p = *step.params;
  int64_t j = 0;
  for (; j + 4 <= p.hidden; j += 4) {
    const v128_t s = centred(wasm_v128_load(step.state + j), p.state.zero);
    const v128_t u = scaled_product(sigmoid_vector(p, step, p.hidden + j), s, p.reset_factor);
    store_low_bytes(step.h + j, place_vector(u, p.hidden_state));
  }
  gru_reset_from(step, j);
}

inline void gru_cell_simd(const GruStepInt8& step) {
  const GruCellParams p = *step.params;
  int64_t j = 0;
  for (; j + 4 <= p.hidden; j += 4) {
    const int64_t column = 2 * p.hidden + j;
    const v128_t x = scaled_sums(step.x_sums + column, p.x_scale + column);
    v128_t h = scaled_sums(step.n_sums + j, p.h_scale + column);
    if (!p.resets_first) {
      const v128_t r = sigmoid_vector(p, step, p.hidden + j);
      h = wasm_f32x4_mul(h, wasm_f32x4_mul(r, wasm_f32x4_splat(p.r_factor)));
    }
    const v128_t n = centred(look_up(p.tanh, index_vector(p, x, h)), p.tanh_zero);
    const v128_t z = sigmoid_vector(p, step, j);
    const v128_t old = centred(wasm_v128_load(step.state + j), p.state.zero);
    const v128_t rest = wasm_f32x4_sub(wasm_f32x4_splat(p.one), z);
    const v128_t s = place_vector(
        wasm_f32x4_add(scaled_product(rest, n, p.n_factor), scaled_product(z, old, p.s_factor)),
        p.state);
    wasm_v128_store(step.state + j, s);
    const v128_t now = wasm_f32x4_mul(centred(s, p.state.zero), wasm_f32x4_splat(p.h_factor));
    store_low_bytes(step.h + j, place_vector(now, p.hidden_state));
  }
  gru_cell_from(step, j);
}

inline void rnn_cell_simd(const RnnStepInt8& step) {
  const CellGates p = *step.params;
  int64_t j = 0;
  for (; j + 4 <= p.hidden; j += 4) {
    store_low_bytes(step.h + j, look_up(p.tanh, gate_vector(p, step.x_sums, step.h_sums, j)));
  }
  rnn_cell_from(step, j);
}

}  // namespace eightfold::generic
