// QLinearSoftmax in integers, as ONNX Runtime computes it. Source: com.microsoft QLinearSoftmax.
//
//   e[i] = round(q * exp((i - 255) * sx))      q = min(2^32 / length, 2^23 - 1)
//   y    = clamp(round_half_up(e[x + 255 - max] * floor(1 / sy) / sum of e) + zy)
// x counts from the lowest byte; the largest of a line always reads e[255]. The floor costs
// accuracy when 1 / sy is no integer; 1/256, the usual scale, is exact.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

struct SoftmaxPlan {
  int64_t outer = 1, length = 1, inner = 1;  // lines of `length`, `inner` elements apart
  uint8_t flip = 0;                          // turns a signed byte into its rank
  uint64_t levels = 0;                       // floor(1 / sy)
  Int8Output out;
  std::array<uint32_t, 256> exponentials{};
};

void fill_exponentials(SoftmaxPlan& plan, float x_scale) {
  const double length = static_cast<double>(std::max<int64_t>(1, plan.length));
  const double unit = std::min(4294967295.0 / length, 8388607.0);
  for (size_t i = 0; i < 256; ++i) {
    const double steps = static_cast<double>(i) - 255.0;
    plan.exponentials[i] = static_cast<uint32_t>(
        std::nearbyint(unit * std::exp(steps * static_cast<double>(x_scale))));
  }
}

OpState plan_softmax(PlanContext& context) {
  const Node& node = context.node;
  const Shape& shape = context.inputs[0].shape;
  const OperandQParams x = read_tensor_qparams(node, context.constants, 1, 2);
  const OperandQParams y = read_tensor_qparams(node, context.constants, 3, 4);
  const size_t axis = checked_axis(context, node.int_attribute("axis", -1), shape.size());
  auto plan = std::make_shared<SoftmaxPlan>();
  plan->outer = product(shape, 0, axis);
  // Before opset 13 everything from the axis on is one line.
  const bool flattens = node.int_attribute("opset", 13) < 13;
  plan->length = flattens ? product(shape, axis, shape.size()) : shape[axis];
  plan->inner = flattens ? 1 : product(shape, axis + 1, shape.size());
  plan->flip = is_signed_input(context, 0) ? 0x80 : 0;
  plan->levels =
      static_cast<uint64_t>(std::min(4294967295.0f, std::floor(1.0f / y.tensor_scale())));
  plan->out = output_of(node, context.inputs[0].dtype, y.tensor_zero());
  fill_exponentials(*plan, x.tensor_scale());
  return plan;
}

void softmax_line(const SoftmaxPlan& plan, const uint8_t* x, uint8_t* y) {
  const int64_t end = plan.length * plan.inner;
  uint8_t highest = 0;
  for (int64_t i = 0; i < end; i += plan.inner) {
    highest = std::max(highest, static_cast<uint8_t>(x[i] ^ plan.flip));
  }
  const uint32_t* exponentials = plan.exponentials.data() + (255 - highest);
  uint64_t sum = 0;
  for (int64_t i = 0; i < end; i += plan.inner) sum += exponentials[x[i] ^ plan.flip];
  for (int64_t i = 0; i < end; i += plan.inner) {
    const uint64_t scaled = exponentials[x[i] ^ plan.flip] * plan.levels;
    const auto steps = static_cast<int64_t>((scaled + sum / 2) / sum);
    y[i] = static_cast<uint8_t>(
        std::clamp<int64_t>(steps + plan.out.zero_point, plan.out.lo, plan.out.hi));
  }
}

void run_softmax(RunContext& context) {
  const auto& plan = context.plan_as<SoftmaxPlan>();
  const auto* x = context.inputs[0].as<uint8_t>();
  auto* y = context.outputs[0].as<uint8_t>();
  if (plan.length == 0) return;
  for (int64_t o = 0; o < plan.outer; ++o) {
    for (int64_t i = 0; i < plan.inner; ++i) {
      const int64_t at = o * plan.length * plan.inner + i;
      softmax_line(plan, x + at, y + at);
    }
  }
}

void infer_softmax(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(0));
}

}  // namespace

std::vector<OpDef> qlinear_softmax_rows() {
  return {{.domain = kMicrosoftDomain,
           .op_type = "QLinearSoftmax",
           .inputs = {Role::kActivation, Role::kParameter},
           .infer = infer_softmax,
           .plan = plan_softmax,
           .run = run_softmax,
           .needs_constant = needs_parameters}};
}

}  // namespace eightfold
