// QLinearReduceMean. Source: com.microsoft QLinearReduceMean (a schema; ONNX Runtime's CPU has no
// kernel of it).
//
//   y = quantize(float(sum of (x - zx)) / count * sx)      over the axes, all of them when absent
#include <algorithm>
#include <memory>

#include "ops/broadcast.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

struct ReducePlan {
  Broadcast rows;  // the sums repeat along the reduced axes of x
  int64_t sums = 1, count = 1;
  TableQParams params;
  Int8Output out;
  bool is_signed = false;
};

template <typename Context>
std::vector<bool> reduced_axes(const Context& context, size_t rank) {
  const std::vector<int64_t> axes = context.node.ints_attribute("axes");
  std::vector<bool> reduced(rank, axes.empty());
  for (int64_t axis : axes) reduced[checked_axis(context, axis, rank)] = true;
  return reduced;
}

OpState plan_reduce(PlanContext& context) {
  const Node& node = context.node;
  const TensorInfo& x_info = context.inputs[0];
  const OperandQParams x = read_tensor_qparams(node, context.constants, 1, 2);
  const OperandQParams y = read_tensor_qparams(node, context.constants, 3, 4);
  auto plan = std::make_shared<ReducePlan>();
  TensorInfo kept = x_info;
  const std::vector<bool> reduced = reduced_axes(context, x_info.shape.size());
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i]) continue;
    plan->count *= x_info.shape[i];
    kept.shape[i] = 1;
  }
  plan->rows = make_broadcast(x_info, std::span(&kept, 1));
  plan->sums = element_count(kept.shape);
  plan->params = {x.tensor_scale(), x.tensor_zero(), y.tensor_scale(), y.tensor_zero()};
  plan->is_signed = is_signed_input(context, 0);
  plan->out = output_of(node, x_info.dtype, y.tensor_zero());
  context.scratch_bytes = static_cast<size_t>(plan->sums) * sizeof(int64_t);
  return plan;
}

void run_reduce(RunContext& context) {
  const auto& plan = context.plan_as<ReducePlan>();
  const auto* x = context.inputs[0].as<uint8_t>();
  auto* sums = reinterpret_cast<int64_t*>(context.scratch);
  std::fill_n(sums, plan.sums, -plan.count * plan.params.x_zero);
  const int64_t step = plan.rows.row_stride(0);
  plan.rows.for_each_row([&](int64_t at, const int64_t* to) {
    for (int64_t i = 0; i < plan.rows.row_size(); ++i) {
      const uint8_t byte = x[at + i];
      sums[to[0] + i * step] += plan.is_signed ? static_cast<int8_t>(byte) : byte;
    }
  });
  const QRange range{plan.out.lo, plan.out.hi};
  for (int64_t i = 0; i < plan.sums; ++i) {
    const float mean = plan.count == 0 ? 0.0f
                                       : static_cast<float>(sums[i]) /
                                             static_cast<float>(plan.count) * plan.params.x_scale;
    context.outputs[0].as<uint8_t>()[i] =
        static_cast<uint8_t>(quantize(mean, plan.params.y_scale, plan.params.y_zero, range));
  }
}

void infer_reduce(InferContext& context) {
  std::optional<Dims> kept;
  if (const auto& dims = context.dims(0)) {
    const bool keeps = context.node.int_attribute("keepdims", 1) != 0;
    const std::vector<bool> reduced = reduced_axes(context, dims->size());
    kept.emplace();
    for (size_t i = 0; i < dims->size(); ++i) {
      if (!reduced[i]) kept->push_back((*dims)[i]);
      if (reduced[i] && keeps) kept->push_back({1, {}});
    }
  }
  context.set_output(0, context.dtype(0), std::move(kept));
}

}  // namespace

std::vector<OpDef> qlinear_reduce_rows() {
  return {{.domain = kMicrosoftDomain,
           .op_type = "QLinearReduceMean",
           .inputs = {Role::kActivation, Role::kParameter},
           .infer = infer_reduce,
           .plan = plan_reduce,
           .run = run_reduce,
           .needs_constant = needs_parameters}};
}

}  // namespace eightfold
