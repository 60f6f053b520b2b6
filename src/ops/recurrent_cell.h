// One step of one batch item, after the products: gates in, states updated in place.
//
//   LSTM  i, f = f(. + P * C)   C' = f * C + i * g(c)   o = f(. + P * C')   H' = o * h(C')
//   GRU   z, r = f(.)   n = g(x + (r * H) R^T), or g(x + r * (H R^T + Rb)) with
//         linear_before_reset   H' = (1 - z) * n + z * H
//   RNN   H' = f(.)
#pragma once

#include <cstdint>

#include "ops/recurrent.h"

namespace eightfold {

struct CellRow {
  const RecurrentAttributes& attributes;
  std::span<const CellActivation, 3> functions;
  const float* peepholes;  // [3 * hidden], i o f, or null
  int64_t hidden;
  const float* late_bias =
      nullptr;              // LSTM: [4 * hidden] to add last, where the order of sums counts
  float* linear = nullptr;  // if asked for: what gate activations read, bias inside [all gates]
};

// gates: X's products [gate_count * hidden], overwritten; products: those of H, alike.
void lstm_step(const CellRow& row, float* gates, const float* products, float* h, float* c);
// Products of all three gates.
void gru_step_linear(const CellRow& row, float* gates, const float* products, float* h);
// In two halves: products of z and r give r * H; the product of that one gives H'.
void gru_reset(const CellRow& row, float* gates, const float* products, const float* h,
               float* reset_h);
void gru_step(const CellRow& row, float* gates, const float* product, float* h);
void rnn_step(const CellRow& row, float* gates, const float* products, float* h);

}  // namespace eightfold
