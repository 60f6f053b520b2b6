// What the integer cells share (recurrent_int8.h), scalar: rounding into a place, and where the
// sums of a column lead in the tables of the gate activations.
#pragma once

#include "kernels/generic/requantize.h"
#include "kernels/recurrent_int8.h"

namespace eightfold::generic {

inline int32_t to_place(float value, const CellPlace& place) {
  return round_to_range(value, place.zero, place.lo, place.hi);
}

// `x` and `h`: the terms of a column, in steps of the linear output.
inline int32_t table_index(const CellGates& gates, float x, float h) {
  return to_place(x + h, gates.linear) - gates.linear.lo;
}

// Place in the tables of column n.
inline int32_t gate_index(const CellGates& gates, const int32_t* x_sums, const int32_t* h_sums,
                          int64_t n) {
  return table_index(gates, static_cast<float>(x_sums[n]) * gates.x_scale[n],
                     static_cast<float>(h_sums[n]) * gates.h_scale[n]);
}

}  // namespace eightfold::generic
