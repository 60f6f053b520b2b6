// What LSTM, GRU and RNN have in common: attributes, extents, gate orders.
//
//   gates[t] = X[t] * W^T + Wb + H * R^T + Rb     one block of `hidden` columns per gate
//
// Steps are T, batch N, input size I, hidden size H, directions D. Source: ONNX LSTM, GRU, RNN.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "ops/op.h"
#include "ops/recurrent_activation.h"

namespace eightfold {

enum class CellKind : uint8_t { kLstm, kGru, kRnn };

// ---------------------------------------------------------------- gates
// Blocks of W, R and B in ONNX's order; PyTorch's is i f g o and r z n.
enum LstmGate : uint8_t { kLstmInput, kLstmOutput, kLstmForget, kLstmCell };
enum GruGate : uint8_t { kGruUpdate, kGruReset, kGruHidden };
int64_t gate_count(CellKind kind);
// For each block of PyTorch's order, the block of ONNX's order.
std::span<const uint8_t> torch_gate_order(CellKind kind);

// ---------------------------------------------------------------- attributes
struct RecurrentAttributes {
  CellKind kind = CellKind::kLstm;
  int64_t directions = 1;
  bool backwards = false;    // the first direction is the reverse one
  bool batch_major = false;  // layout 1
  bool input_forget = false;
  bool linear_before_reset = false;
  float clip = 0;  // of what gate activations read; 0: none
  // f, g, h of each direction.
  std::array<std::array<CellActivation, 3>, 2> activations;

  bool is_reverse(int64_t direction) const { return direction == 1 || backwards; }
};
// Throws kInvalidAttribute.
RecurrentAttributes recurrent_attributes(const Node& node, CellKind kind);

// ---------------------------------------------------------------- extents
struct RecurrentShape {
  int64_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 1;
  int64_t gates = 0;  // columns: gate_count * hidden
  // Elements between steps and between batch items: of X, and of Y's vectors of `hidden`.
  int64_t x_step = 0, x_item = 0, y_step = 0, y_item = 0, y_direction = 0;
  int64_t state_item = 0, state_direction = 0;  // of initial and final states

  void set_strides(bool batch_major);  // from the extents
  Shape state(bool batch_major) const {
    return batch_major ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  }
};

// X W R [B] [sequence_lens] [initial_h] [initial_c] [P]: W [D, gates, I], or [D, I, gates] for the
// ops that hold their weights transposed.
enum class WeightOrder : uint8_t { kRows, kQuantizedRows, kColumns };
void infer_recurrent(InferContext& context);
// Y, Y_h, Y_c of these dtypes, as many as there are; H from hidden_size or from input `r`.
void set_recurrent_outputs(InferContext& context, size_t r, std::initializer_list<DType> dtypes);
// Checks all inputs. Throws kInvalidShape, kInvalidType.
RecurrentShape recurrent_shape(const PlanContext& context, const RecurrentAttributes& attributes,
                               WeightOrder order);
// Lengths as the op got them, or null. Throws kInvalidData on one outside 0..steps.
const int32_t* sequence_lengths(const RunContext& context, const RecurrentShape& shape,
                                size_t input);
// One of a dtype and a shape, when it is there. Throws kInvalidType, kInvalidShape.
void expect_input(const PlanContext& context, size_t input, DType dtype, const Shape& shape);

// ---------------------------------------------------------------- places of a cell
// What the observed twins give beside the op's own outputs, each [T, D, N, ...] with zeros where an
// item takes no step: what gate activations read [all gates], sigmoid gates, tanh gate [H], the
// state that is carried [H], and LSTM's terms of it, f * C and i * g [2H], or GRU's state before
// the step [H]. Numbers: of LSTM's outputs; the other two have one output less before them, and RNN
// the first tap alone.
enum CellTap : int8_t { kTapLinear = 3, kTapSigmoid, kTapTanh, kTapCell, kTapProducts, kTapEnd };
constexpr int8_t tap_output(CellKind kind, CellTap tap) {
  return static_cast<int8_t>(kind == CellKind::kLstm ? tap : tap - 1);
}
void infer_observed(InferContext& context, CellKind kind);  // recurrent_taps.cpp
const PlaceForm& recurrent_places(CellKind kind);           // recurrent_places.cpp

std::vector<OpDef> dynamic_recurrent_rows();  // recurrent_dynamic.cpp
std::vector<OpDef> qlinear_recurrent_rows();  // qlinear_recurrent.cpp
int64_t recurrent_macs(const Node& node, std::span<const Shape> inputs,
                       std::span<const Shape> outputs);

}  // namespace eightfold
