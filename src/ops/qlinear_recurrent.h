// eightfold:QLinearLSTM, the statically quantized LSTM: its inputs, and what packing makes of them.
//
//    0 X [T, N, I] uint8 | int8, 1 x_scale, 2 x_zero_point
//    3 W [D, 4H, I] int8, 4 w_scale       scales of one, [D] or [D, 4H]; no zero points
//    5 R [D, 4H, H] int8, 6 r_scale
//    7 B [D, 8H] int32, optional          Wb in steps of x_scale * w_scale, Rb of h_scale * r_scale
//    8 sequence_lens, optional            [N] int32
//    9 initial_h, 10 initial_c, optional  [D, N, H] of the types of 12 and 14
//   11 h_scale, 12 h_zero_point           Y, Y_h: 8 bits
//   13 c_scale, 14 c_zero_point           Y_c: 8 or 16 bits, as all that follows
//   15 linear_scale, 16 linear_zero_point what gate activations read
//   17 sigmoid_scale, 18 ..., 19 tanh_scale, 20 ...        the gates
//   21 fc_scale, 22 ..., 23 ig_scale, 24 ..., optional     f * C and i * g; else as the cell state
//
// Everything but X, 8, 9 and 10 is constant; the type of a zero point is the type of its place.
// Attributes hidden_size, direction, layout, as in ONNX LSTM; gates in its order. Equations:
// kernels/recurrent_int8.h, with x_scale[n] = x_scale * w_scale[n] / linear_scale and so on.
#pragma once

#include <vector>

#include "kernels/int8.h"
#include "kernels/recurrent_int8.h"
#include "ops/recurrent.h"

namespace eightfold::qlinear_recurrent {

enum Input : size_t {
  kX,
  kXScale,
  kXZero,
  kW,
  kWScale,
  kR,
  kRScale,
  kB,
  kLengths,
  kInitialH,
  kInitialC,
  kHScale,
  kHZero,
  kCScale,
  kCZero,
  kLinear,  // scales; the zero point follows
  kSigmoid = kLinear + 2,
  kTanh = kSigmoid + 2,
  kFc = kTanh + 2,
  kIg = kFc + 2,
};

struct Packed {
  RecurrentAttributes attributes;
  int64_t input = 0, hidden = 0;
  std::vector<PackedDense> w, r;        // per direction
  std::vector<float> x_scale, h_scale;  // [D * 4H]
  std::vector<uint16_t> sigmoid, tanh;
  std::vector<float> cell_tanh;
  LstmCellParams cell;  // without what belongs to a direction
  int32_t x_zero = 0;
  DType x_dtype = DType::kUint8, h_dtype = DType::kUint8, c_dtype = DType::kInt16;
};

OpState pack(const PackContext& context);  // a Packed

}  // namespace eightfold::qlinear_recurrent
