// eightfold:QLinearLSTM, QLinearGRU, QLinearRNN, the statically quantized recurrent ops: their
// inputs, and what packing makes of them. G gates: 4, 3, 1.
//
//    0 X [T, N, I] uint8 | int8, 1 x_scale, 2 x_zero_point
//    3 W [D, G * H, I] int8, 4 w_scale    scales of one, [D] or [D, G * H]; no zero points
//    5 R [D, G * H, H] int8, 6 r_scale
//    7 B [D, 2 * G * H] int32, optional   Wb in steps of x_scale * w_scale, Rb of h_scale * r_scale
//    8 sequence_lens, optional            [N] int32
//    9 initial_h, optional                [D, N, H]; and on from there:
//
//  LSTM 10 initial_c, optional            initial_h and initial_c: of the types of 12 and 14
//       11 h_scale, 12 h_zero_point       Y, Y_h: 8 bits
//       13 c_scale, 14 c_zero_point       Y_c: 8 or 16 bits, as all that follows
//       15 linear_scale, 16 ...           what gate activations read
//       17 sigmoid_scale, 18 ..., 19 tanh_scale, 20 ...    the gates
//       21 fc_scale, 22 ..., 23 ig_scale, 24 ..., optional f * C and i * g; else as the cell state
//  GRU  10 y_scale, 11 y_zero_point       Y, and h and r * h as products read them: 8 bits
//       12 h_scale, 13 h_zero_point       initial_h, Y_h and h from step to step: 8 or 16 bits
//       14 linear_scale, ... 16 sigmoid_scale, ... 18 tanh_scale, ...
//  RNN  10 h_scale, 11 h_zero_point       initial_h, Y, Y_h: 8 bits
//       12 linear_scale, 13 ...
//
// Everything but X and states and lengths is constant; the type of a zero point is the type of its
// place. Attributes as in the ONNX ops; gates in their order. Equations: kernels/recurrent_int8.h,
// with x_scale[n] = x_scale * w_scale[n] / linear_scale and so on.
#pragma once

#include <memory>
#include <vector>

#include "kernels/int8.h"
#include "kernels/recurrent_int8.h"
#include "ops/recurrent.h"

namespace eightfold::qlinear_recurrent {

enum Input : size_t { kX, kXScale, kXZero, kW, kWScale, kR, kRScale, kB, kLengths, kInitialH };
// Scales; the zero point follows.
enum LstmInput : size_t {
  kInitialC = kInitialH + 1,
  kLstmH,
  kLstmC = kLstmH + 2,
  kLstmLinear = kLstmC + 2,
  kLstmSigmoid = kLstmLinear + 2,
  kLstmTanh = kLstmSigmoid + 2,
  kFc = kLstmTanh + 2,
  kIg = kFc + 2,
};
enum GruInput : size_t {
  kGruY = kInitialH + 1,
  kGruH = kGruY + 2,
  kGruLinear = kGruH + 2,
  kGruSigmoid = kGruLinear + 2,
  kGruTanh = kGruSigmoid + 2,
};
enum RnnInput : size_t { kRnnH = kInitialH + 1, kRnnLinear = kRnnH + 2 };

// What goes from step to step: in from an input, out to an output, -1: neither.
struct State {
  int input = -1, output = -1;
  DType dtype = DType::kUndefined;  // undefined: there is none
};

// By values of the linear output; nodes of the same parameters share one.
using GateTable = std::shared_ptr<const std::vector<uint16_t>>;

struct Packed {
  RecurrentAttributes attributes;
  int64_t input = 0, hidden = 0, gates = 0;
  // Per direction. `last`: of the hidden gate, where GRU's reset comes before its product.
  std::vector<PackedDense> w, r, last;
  std::vector<float> x_scale, h_scale;  // [D * gates]
  GateTable sigmoid, tanh;
  std::vector<float> cell_tanh;
  // Those of the op's kind, without what belongs to a direction.
  LstmCellParams lstm;
  GruCellParams gru;
  CellGates rnn;
  int32_t x_zero = 0;
  DType x_dtype = DType::kUint8;
  DType y_dtype = DType::kUint8;  // of h as products read it
  State h, wide;                  // of 8 bits, and of up to 16: the cell state, the state of GRU

  const CellGates& gates_of_kind() const {
    if (attributes.kind == CellKind::kLstm) return lstm;
    return attributes.kind == CellKind::kGru ? gru : rnn;
  }
  int32_t y_zero() const { return gates_of_kind().hidden_state.zero; }
  int32_t wide_zero() const {
    return attributes.kind == CellKind::kLstm ? lstm.cell.zero : gru.state.zero;
  }
};

OpState pack(const PackContext& context, CellKind kind);  // a Packed

// ---------------------------------------------------------------- parts of pack
struct Place {
  float scale = 1;
  DType dtype = DType::kUndefined;
  CellPlace range;
  bool operator==(const Place&) const = default;
};
// Throws kInvalidType unless it has 8 or 16 bits.
Place read_place(const PackContext& context, size_t scale);

// Per kind: reads its places, sets tables, factors and states. Returns what products read of h, and
// the linear output.
struct CellPlaces {
  Place h, linear;
};
CellPlaces set_lstm(const PackContext& context, Packed& packed);
CellPlaces set_gru(const PackContext& context, Packed& packed);
CellPlaces set_rnn(const PackContext& context, Packed& packed);

}  // namespace eightfold::qlinear_recurrent
