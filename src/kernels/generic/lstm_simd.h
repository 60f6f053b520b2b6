// LstmCellInt8 for 128-bit vectors: four elements at a time, the tables read lane by lane.
#pragma once

#include "kernels/generic/cell_gates_simd.h"
#include "kernels/generic/lstm_scalar.h"

namespace eightfold::generic {

inline void lstm_cell_simd(const LstmStepInt8& step) {
  const LstmCellParams p = *step.params;
  const PlaceVectors linear(p.linear), fc(p.fc), ig(p.ig), cell(p.cell), hidden(p.hidden_state);
  const v128_t sigmoid_zero = wasm_i32x4_splat(p.sigmoid_zero);
  const v128_t tanh_zero = wasm_i32x4_splat(p.tanh_zero), cell_zero = wasm_i32x4_splat(p.cell.zero);
  const v128_t cell_lo = wasm_i32x4_splat(p.cell.lo);
  const v128_t fc_factor = wasm_f32x4_splat(p.fc_factor), ig_factor = wasm_f32x4_splat(p.ig_factor);
  const v128_t from_fc = wasm_f32x4_splat(p.from_fc), from_ig = wasm_f32x4_splat(p.from_ig);
  const v128_t h_factor = wasm_f32x4_splat(p.h_factor);
  int64_t j = 0;
  for (; j + 4 <= p.hidden; j += 4) {
    const auto gate = [&](int64_t index, const uint16_t* table, v128_t zero) {
      const int64_t n = index * p.hidden + j;
      const v128_t sum = wasm_f32x4_add(scaled_sums(step.x_sums + n, p.x_scale + n),
                                        scaled_sums(step.h_sums + n, p.h_scale + n));
      return centred(look_up(table, linear.index(sum)), zero);
    };
    const v128_t i = gate(0, p.sigmoid, sigmoid_zero), o = gate(1, p.sigmoid, sigmoid_zero);
    const v128_t f = gate(2, p.sigmoid, sigmoid_zero), g = gate(3, p.tanh, tanh_zero);
    const v128_t old = centred(wasm_v128_load(step.c + j), cell_zero);
    const v128_t kept = wasm_f32x4_mul(fc.centred(scaled_product(f, old, fc_factor)), from_fc);
    const v128_t added = wasm_f32x4_mul(ig.centred(scaled_product(i, g, ig_factor)), from_ig);
    const v128_t c = cell.quantized(wasm_f32x4_add(kept, added));
    wasm_v128_store(step.c + j, c);
    const v128_t tanh = look_up(p.cell_tanh, wasm_i32x4_sub(c, cell_lo));
    const v128_t h = hidden.quantized(scaled_product(o, tanh, h_factor));
    store_low_bytes(step.h + j, h);
  }
  lstm_cell_from(step, j);
}

}  // namespace eightfold::generic
