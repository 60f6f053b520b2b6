// MatMulIntegerToFloat and DynamicQuantizeMatMul: integer products written as floats.
// Source: ONNX Runtime's com.microsoft operators of these names.
//
//   y[m][n] = float(acc[m][n]) * (sa * sb[n]) + bias[n]      acc as in qlinear_matmul.cpp
//   DynamicQuantizeMatMul takes sa and za from the range of A, as DynamicQuantizeLinear does.
#include <string>
#include <vector>

#include "kernels/int8.h"
#include "kernels/kernels.h"
#include "ops/qlinear_matmul.h"

namespace eightfold {

void check_float_operands(const PlanContext& context) {
  const MatMulForm& form = matmul_form(context.node);
  std::vector<size_t> floats{form.a_scale, form.b_scale, form.bias};
  if (form.is_dynamic()) floats.push_back(0);
  for (size_t i : floats) {
    if (!context.has_input(i)) continue;
    const TensorInfo& input = context.inputs[i];
    if (input.dtype == DType::kFloat32 && (i == 0 || element_count(input.shape) > 0)) continue;
    context.fail(ErrorCode::kInvalidType, "input " + std::to_string(i) + " is " +
                                              std::string(dtype_name(input.dtype)) + " " +
                                              shape_text(input.shape));
  }
}

size_t dynamic_scratch_bytes(const PlanContext& context) {
  const auto bytes = static_cast<size_t>(element_count(context.inputs[0].shape));
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

MatMulActivations quantize_activations(const RunContext& context) {
  const auto* x = context.inputs[0].as<float>();
  const int64_t n = context.inputs[0].size();
  const auto [scale, zero] = dynamic_range(x, n);
  select<QuantizeInt8>()->run(x, n, scale, {context.scratch, DType::kUint8, zero, 0, 255});
  return {context.scratch, false, {zero}, scale};
}

void scale_sums(const RunContext& context, float a_scale, int64_t n) {
  const MatMulForm& form = matmul_form(context.node);
  const TensorView& scale = context.inputs[form.b_scale];
  const bool biased = context.has_input(form.bias);
  const float* bias = biased ? context.inputs[form.bias].as<float>() : nullptr;
  const TensorView& y = context.outputs[0];
  const bool per_column = scale.size() > 1;
  if ((per_column && scale.size() != n) || (biased && context.inputs[form.bias].size() != n)) {
    context.fail(ErrorCode::kInvalidShape,
                 "the scale or bias of B is not one value per column: " + shape_text(scale.shape));
  }
  const int64_t rows = n == 0 ? 0 : y.size() / n;
  for (int64_t m = 0; m < rows; ++m) {
    const int32_t* sums = y.as<int32_t>() + m * n;
    float* row = y.as<float>() + m * n;
    for (int64_t i = 0; i < n; ++i) {
      const float factor = a_scale * scale.as<float>()[per_column ? i : 0];
      const float product = static_cast<float>(sums[i]) * factor;
      row[i] = biased ? product + bias[i] : product;
    }
  }
}

}  // namespace eightfold
