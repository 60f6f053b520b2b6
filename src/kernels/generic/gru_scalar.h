// GruCellInt8 and RnnCellInt8, scalar: the equations of recurrent_int8.h for the elements from
// `first` on.
#pragma once

#include "kernels/generic/cell_gates.h"

namespace eightfold::generic {

inline float sigmoid_at(const GruStepInt8& step, int64_t n) {
  const GruCellParams& p = *step.params;
  return static_cast<float>(p.sigmoid[gate_index(p, step.x_sums, step.h_sums, n)] - p.sigmoid_zero);
}

inline void gru_reset_from(const GruStepInt8& step, int64_t first) {
  const GruCellParams& p = *step.params;
  for (int64_t j = first; j < p.hidden; ++j) {
    const auto s = static_cast<float>(step.state[j] - p.state.zero);
    const float u = sigmoid_at(step, p.hidden + j) * s * p.reset_factor;
    step.h[j] = static_cast<uint8_t>(to_place(u, p.hidden_state));
  }
}

inline void gru_cell_from(const GruStepInt8& step, int64_t first) {
  const GruCellParams& p = *step.params;
  for (int64_t j = first; j < p.hidden; ++j) {
    const int64_t column = 2 * p.hidden + j;
    const float x = static_cast<float>(step.x_sums[column]) * p.x_scale[column];
    float h = static_cast<float>(step.n_sums[j]) * p.h_scale[column];
    if (!p.resets_first) h *= sigmoid_at(step, p.hidden + j) * p.r_factor;
    const auto n = static_cast<float>(p.tanh[table_index(p, x, h)] - p.tanh_zero);
    const float z = sigmoid_at(step, j);
    const auto s = static_cast<float>(step.state[j] - p.state.zero);
    step.state[j] = to_place((p.one - z) * n * p.n_factor + z * s * p.s_factor, p.state);
    const auto now = static_cast<float>(step.state[j] - p.state.zero);
    step.h[j] = static_cast<uint8_t>(to_place(now * p.h_factor, p.hidden_state));
  }
}

inline void rnn_cell_from(const RnnStepInt8& step, int64_t first) {
  const CellGates& p = *step.params;
  for (int64_t j = first; j < p.hidden; ++j) {
    step.h[j] = static_cast<uint8_t>(p.tanh[gate_index(p, step.x_sums, step.h_sums, j)]);
  }
}

inline void gru_reset_scalar(const GruStepInt8& step) { gru_reset_from(step, 0); }
inline void gru_cell_scalar(const GruStepInt8& step) { gru_cell_from(step, 0); }
inline void rnn_cell_scalar(const RnnStepInt8& step) { rnn_cell_from(step, 0); }

}  // namespace eightfold::generic
