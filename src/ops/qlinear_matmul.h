// What the integer products of qlinear_matmul.cpp share with those that write floats
// (qlinear_matmul_float.cpp): where an operator keeps its operands, and the sums themselves.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

struct MatMulForm {
  size_t b, a_zero, b_zero;
  bool requantizes = false;
  // Of operators that write floats; kAbsent elsewhere.
  static constexpr size_t kAbsent = 99;
  size_t a_scale = kAbsent, b_scale = kAbsent, bias = kAbsent;
  bool writes_floats() const { return b_scale != kAbsent; }
  // A comes as floats and is quantized over its range in each run.
  bool is_dynamic() const { return writes_floats() && a_scale == kAbsent; }
};
const MatMulForm& matmul_form(const Node& node);

// Where the activations of a product lie once they are integers.
struct MatMulActivations {
  const uint8_t* data = nullptr;
  bool is_signed = false;
  std::vector<int32_t> zero;  // one, or one per row
  float scale = 1;
};

// Fails unless scales, bias and a dynamic A are floats.
void check_float_operands(const PlanContext& context);

// A of DynamicQuantizeMatMul as uint8, in the first bytes of the scratch.
size_t dynamic_scratch_bytes(const PlanContext& context);
MatMulActivations quantize_activations(const RunContext& context);

// The sums in output 0 become floats, in place: y = float(acc) * (a_scale * b_scale[n]) + bias[n]
void scale_sums(const RunContext& context, float a_scale, int64_t n);

// The range of x with zero in it, as DynamicQuantizeLinear takes it.
struct DynamicRange {
  float scale;
  int32_t zero_point;
};
DynamicRange dynamic_range(const float* x, int64_t n);

}  // namespace eightfold
