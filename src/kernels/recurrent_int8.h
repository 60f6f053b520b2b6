// The integer cells of LSTM, GRU and RNN: one step of one batch item, after the int8 products.
//
// A place is a point of the cell whose values are integers of at most 16 bits with a scale:
// linear output, sigmoid gates, tanh gate, two products, cell state, hidden state. With
// q(v, place) = clamp(round_half_even(v) + zero, lo, hi), v' = v - zero, and for LSTM columns of
// the gates i o f c:
//
//   l[n]  = q(float(x_sums[n]) * x_scale[n] + float(h_sums[n]) * h_scale[n], linear)
//   i o f = sigmoid[l - linear.lo]      g = tanh[l - linear.lo]
//   fc    = q(float(f') * float(c') * fc_factor, fc)
//   ig    = q(float(i') * float(g') * ig_factor, ig)
//   c     = q(float(fc') * from_fc + float(ig') * from_ig, cell)
//   h     = q(float(o') * cell_tanh[c - cell.lo] * h_factor, hidden)
//
// GRU, columns z r n: its state s of 16 bits carries h, which is what products and Y read of it.
// Where the reset comes first, n_sums are those of u, else those of h.
//
//   z r   = sigmoid[l - linear.lo]
//   u     = q(float(r') * float(s') * reset_factor, hidden)
//   l[n]  = q(float(x_sums[n]) * x_scale[n] + float(n_sums[n]) * h_scale[n] * reset, linear)
//   reset = 1, or float(r') * r_factor      n = tanh[l[n] - linear.lo]
//   s     = q((one - float(z')) * float(n') * n_factor + float(z') * float(s') * s_factor, state)
//   h     = q(float(s') * h_factor, hidden)
//
// RNN: h = tanh[l - linear.lo].
//
// Products from left to right, each step rounded to float32, none fused: all instruction sets give
// the same integers. Source: PyTorch's quantizable LSTM (its five observed places).
#pragma once

#include <cstdint>

namespace eightfold {

struct CellPlace {
  int32_t zero = 0, lo = 0, hi = 255;
  bool operator==(const CellPlace&) const = default;
};

// What all three have.
struct CellGates {
  int64_t hidden = 0;
  const float *x_scale = nullptr, *h_scale = nullptr;  // [gates]: steps of the linear output
  CellPlace linear, hidden_state;
  int32_t sigmoid_zero = 0, tanh_zero = 0;
  const uint16_t *sigmoid = nullptr, *tanh = nullptr;  // by l - linear.lo: quantized values
};

struct LstmCellParams : CellGates {
  CellPlace fc, ig, cell;
  const float* cell_tanh = nullptr;  // by c - cell.lo: tanh of the cell state
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

struct GruCellParams : CellGates {
  CellPlace state;
  bool resets_first = true;
  float reset_factor = 1, r_factor = 1, one = 1, n_factor = 1, s_factor = 1, h_factor = 1;
};

struct GruStepInt8 {
  const GruCellParams* params;
  const int32_t *x_sums, *h_sums;  // [3 * hidden] and [2 * hidden], biases inside
  const int32_t* n_sums;           // [hidden]
  int32_t* state;                  // [hidden], updated
  uint8_t* h;                      // [hidden], written; the low byte stands for int8 too
};
struct GruCellInt8 {
  void (*reset)(const GruStepInt8& step);  // writes u for h; reads no n_sums
  void (*run)(const GruStepInt8& step);
};

struct RnnStepInt8 {
  const CellGates* params;
  const int32_t *x_sums, *h_sums;  // [hidden], biases inside
  uint8_t* h;
};
struct RnnCellInt8 {
  void (*run)(const RnnStepInt8& step);
};

}  // namespace eightfold
