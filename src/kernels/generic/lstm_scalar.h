// LstmCellInt8, scalar: the equations of recurrent_int8.h for the elements from `first` on.
#pragma once

#include "kernels/generic/cell_gates.h"

namespace eightfold::generic {

inline void lstm_cell_from(const LstmStepInt8& step, int64_t first) {
  const LstmCellParams& p = *step.params;
  for (int64_t j = first; j < p.hidden; ++j) {
    int32_t at[4];  // places in the tables, of i o f c
    for (int64_t gate = 0; gate < 4; ++gate) {
      at[gate] = gate_index(p, step.x_sums, step.h_sums, gate * p.hidden + j);
    }
    const auto i = static_cast<float>(p.sigmoid[at[0]] - p.sigmoid_zero);
    const auto o = static_cast<float>(p.sigmoid[at[1]] - p.sigmoid_zero);
    const auto f = static_cast<float>(p.sigmoid[at[2]] - p.sigmoid_zero);
    const auto g = static_cast<float>(p.tanh[at[3]] - p.tanh_zero);
    const auto c = static_cast<float>(step.c[j] - p.cell.zero);
    const int32_t fc = to_place(f * c * p.fc_factor, p.fc) - p.fc.zero;
    const int32_t ig = to_place(i * g * p.ig_factor, p.ig) - p.ig.zero;
    step.c[j] =
        to_place(static_cast<float>(fc) * p.from_fc + static_cast<float>(ig) * p.from_ig, p.cell);
    const float h = o * p.cell_tanh[step.c[j] - p.cell.lo] * p.h_factor;
    step.h[j] = static_cast<uint8_t>(to_place(h, p.hidden_state));
  }
}

inline void lstm_cell_scalar(const LstmStepInt8& step) { lstm_cell_from(step, 0); }

}  // namespace eightfold::generic
