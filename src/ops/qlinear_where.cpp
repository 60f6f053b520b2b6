// QLinearWhere: a choice between two quantized operands, each looked up in its table to the
// output's parameters. Source: com.microsoft QLinearWhere.
//
//   z = quantize(condition ? dequantize(x) : dequantize(y))
#include <array>
#include <memory>

#include "ops/broadcast.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"

namespace eightfold {
namespace {

enum Input : size_t { kCondition, kX, kXScale, kXZero, kY, kYScale, kYZero, kZScale, kZZero };

struct WherePlan {
  Broadcast broadcast;
  std::array<ByteTable, 2> tables;  // of y, of x
};

OpState plan_where(PlanContext& context) {
  const Node& node = context.node;
  const OperandQParams z = read_tensor_qparams(node, context.constants, kZScale, kZZero);
  const Int8Output range = output_of(node, context.outputs[0].dtype, z.tensor_zero());
  auto plan = std::make_shared<WherePlan>();
  const auto fill = [&](size_t input, ByteTable& table) {
    const OperandQParams p = read_tensor_qparams(node, context.constants, input + 1, input + 2);
    table = byte_table({p.tensor_scale(), p.tensor_zero(), z.tensor_scale(), z.tensor_zero()},
                       is_signed_input(context, input), range, [](float value) { return value; });
  };
  fill(kY, plan->tables[0]);
  fill(kX, plan->tables[1]);
  const TensorInfo operands[] = {context.inputs[kCondition], context.inputs[kX],
                                 context.inputs[kY]};
  plan->broadcast = make_broadcast(context.outputs[0], operands);
  return plan;
}

void run_where(RunContext& context) {
  const auto& plan = context.plan_as<WherePlan>();
  const Broadcast& broadcast = plan.broadcast;
  const auto* condition = context.inputs[kCondition].as<uint8_t>();
  const std::array<const uint8_t*, 2> operands{context.inputs[kY].as<uint8_t>(),
                                               context.inputs[kX].as<uint8_t>()};
  const std::array<int64_t, 2> steps{broadcast.row_stride(2), broadcast.row_stride(1)};
  auto* z = context.outputs[0].as<uint8_t>();
  broadcast.for_each_row([&](int64_t out, const int64_t* offsets) {
    const std::array<int64_t, 2> from{offsets[2], offsets[1]};
    for (int64_t i = 0; i < broadcast.row_size(); ++i) {
      const size_t which = condition[offsets[0] + i * broadcast.row_stride(0)] ? 1 : 0;
      z[out + i] = plan.tables[which][operands[which][from[which] + i * steps[which]]];
    }
  });
}

void infer_where(InferContext& context) {
  InferContext three(context.node, context.opset,
                     {context.input(kCondition), context.input(kX), context.input(kY)}, {});
  const bool known = context.dims(kCondition) && context.dims(kX) && context.dims(kY);
  context.set_output(0, context.dtype(kX), known ? broadcast_dims(three) : std::nullopt);
}

}  // namespace

std::vector<OpDef> qlinear_where_rows() {
  return {{.domain = kMicrosoftDomain,
           .op_type = "QLinearWhere",
           .inputs = {Role::kShape, Role::kActivation, Role::kParameter, Role::kParameter,
                      Role::kActivation, Role::kParameter},
           .layout = LayoutRule::kFollow,
           .infer = infer_where,
           .plan = plan_where,
           .run = run_where,
           .needs_constant = [](size_t i) { return i > kY || i == kXScale || i == kXZero; }}};
}

}  // namespace eightfold
