// QLinearLeakyRelu and QLinearSigmoid: a function of a byte is a table of 256 bytes.
// Source: ONNX Runtime com.microsoft QLinearLeakyRelu, QLinearSigmoid.
//
//   y = quantize(f(dequantize(x)))
#include <cmath>
#include <memory>

#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"

namespace eightfold {
namespace {

float sigmoid(float x) {
  // Written with exp of a negative number on either side, so that nothing overflows.
  const float e = std::exp(-std::fabs(x));
  return x < 0 ? e / (1.0f + e) : 1.0f / (1.0f + e);
}

std::function<float(float)> function_of(const Node& node) {
  if (node.op_type == "QLinearSigmoid") return sigmoid;
  const float alpha = node.float_attribute("alpha", 0.01f);
  return [alpha](float x) { return x >= 0.0f ? x : alpha * x; };
}

OpState plan_unary(PlanContext& context) {
  const Node& node = context.node;
  const OperandQParams x = read_tensor_qparams(node, context.constants, 1, 2);
  const OperandQParams y = read_tensor_qparams(node, context.constants, 3, 4);
  const Int8Output range = output_of(node, context.inputs[0].dtype, y.tensor_zero());
  return std::make_shared<ByteTable>(
      byte_table({x.tensor_scale(), x.tensor_zero(), y.tensor_scale(), y.tensor_zero()},
                 is_signed_input(context, 0), range, function_of(node)));
}

void run_unary(RunContext& context) {
  lookup_int8(context.plan_as<ByteTable>().data(), context.inputs[0].data, context.inputs[0].size(),
              context.outputs[0].data);
}

void infer_unary(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(0));
}

}  // namespace

std::vector<OpDef> qlinear_unary_rows() {
  std::vector<OpDef> rows;
  for (std::string_view op : {"QLinearLeakyRelu", "QLinearSigmoid"}) {
    std::ranges::move(with_twin({.domain = kMicrosoftDomain,
                                 .op_type = op,
                                 .inputs = {Role::kActivation, Role::kParameter},
                                 .layout = LayoutRule::kFollow,
                                 .aliasing = Aliasing::kInPlace,
                                 .infer = infer_unary,
                                 .plan = plan_unary,
                                 .run = run_unary,
                                 .needs_constant = needs_parameters}),
                      std::back_inserter(rows));
  }
  return rows;
}

}  // namespace eightfold
