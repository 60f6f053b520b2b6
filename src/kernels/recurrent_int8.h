// The integer LSTM cell: one step of one batch item, after the int8 products.
//
// A place is a point of the cell whose values are integers of at most 16 bits with a scale:
// linear output, sigmoid gates, tanh gate, two products, cell state, hidden state. With
// q(v, place) = clamp(round_half_even(v) + zero, lo, hi) and columns of the gates i o f c:
//
//   l[n]  = q(float(x_sums[n]) * x_scale[n] + float(h_sums[n]) * h_scale[n], linear)
//   i o f = sigmoid[l - linear.lo]      g = tanh[l - linear.lo]
//   fc    = q(float(f') * float(c') * fc_factor, fc)      f' = f - zero, and so on
//   ig    = q(float(i') * float(g') * ig_factor, ig)
//   c     = q(float(fc') * from_fc + float(ig') * from_ig, cell)
//   h     = q(float(o') * cell_tanh[c - cell.lo] * h_factor, hidden)
//
// Products from left to right, each step rounded to float32, none fused: all instruction sets give
// the same integers. Source: PyTorch's quantizable LSTM (its five observed places).
#pragma once

#include <cstdint>

namespace eightfold {

struct CellPlace {
  int32_t zero = 0, lo = 0, hi = 255;
};

struct LstmCellParams {
  int64_t hidden = 0;
  const float *x_scale = nullptr, *h_scale = nullptr;  // [4 * hidden]: steps of the linear output
  CellPlace linear, fc, ig, cell, hidden_state;
  int32_t sigmoid_zero = 0, tanh_zero = 0;
  // By l - linear.lo: quantized values. By c - cell.lo: tanh of the cell state.
  const uint16_t *sigmoid = nullptr, *tanh = nullptr;
  const float* cell_tanh = nullptr;
  float fc_factor = 1, ig_factor = 1, from_fc = 1, from_ig = 1, h_factor = 1;
};

struct LstmStepInt8 {
  const LstmCellParams* params;
  const int32_t *x_sums, *h_sums;  // [4 * hidden], biases inside
  int32_t* c;                      // [hidden], updated
  uint8_t* h;                      // [hidden], written; the low byte stands for int8 too
};
struct LstmCellInt8 {
  void (*run)(const LstmStepInt8& step);
};

}  // namespace eightfold
