// QLinearConcat: ys, yz, then (x, xs, xz) per operand. Each operand is copied, or looked up in its
// table where its parameters differ from the output's. Source: com.microsoft QLinearConcat.
#include <cstring>
#include <memory>
#include <optional>

#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"
#include "ops/strides.h"

namespace eightfold {
namespace {

constexpr size_t kFirst = 2;  // input index of the first operand; then every third
size_t operand_count(size_t inputs) { return inputs < kFirst ? 0 : (inputs - kFirst) / 3; }
size_t operand_input(size_t i) { return kFirst + 3 * i; }

struct Part {
  int64_t run_bytes;  // contiguous bytes per outer index
  std::optional<ByteTable> table;
};
struct ConcatPlan {
  int64_t outer = 1;
  int64_t out_run_bytes = 0;
  std::vector<Part> parts;
};

// Outer extent and contiguous run around `axis`, in memory order.
int64_t outer_of(const TensorInfo& info, size_t axis) {
  const Shape shape = physical_shape(info.shape, info.layout);
  return product(shape, 0, physical_axis(axis, shape.size(), info.layout));
}
int64_t run_of(const TensorInfo& info, size_t axis) {
  const Shape shape = physical_shape(info.shape, info.layout);
  return product(shape, physical_axis(axis, shape.size(), info.layout), shape.size());
}

OpState plan_concat(PlanContext& context) {
  const Node& node = context.node;
  const TensorInfo& y_info = context.outputs[0];
  const OperandQParams y = read_tensor_qparams(node, context.constants, 0, 1);
  const size_t axis = checked_axis(context, node.int_attribute("axis", 0), y_info.shape.size());
  const Int8Output range = output_of(node, y_info.dtype, y.tensor_zero());
  const QRange full = full_range(y_info.dtype);
  const bool clamps = range.lo > full.quant_min || range.hi < full.quant_max;
  auto plan = std::make_shared<ConcatPlan>();
  plan->outer = outer_of(y_info, axis);
  plan->out_run_bytes = run_of(y_info, axis);
  for (size_t i = 0; i < operand_count(context.inputs.size()); ++i) {
    const size_t at = operand_input(i);
    const bool is_signed = is_signed_input(context, at);
    const OperandQParams x = read_tensor_qparams(node, context.constants, at + 1, at + 2);
    Part part{run_of(context.inputs[at], axis), std::nullopt};
    if (clamps || x.scale != y.scale || x.zero_point != y.zero_point) {
      part.table =
          byte_table({x.tensor_scale(), x.tensor_zero(), y.tensor_scale(), y.tensor_zero()},
                     is_signed, range, [](float value) { return value; });
    }
    plan->parts.push_back(std::move(part));
  }
  return plan;
}

void run_concat(RunContext& context) {
  const auto& plan = context.plan_as<ConcatPlan>();
  auto* y = context.outputs[0].as<uint8_t>();
  for (size_t i = 0; i < plan.parts.size(); ++i) {
    const Part& part = plan.parts[i];
    const auto* x = context.inputs[operand_input(i)].as<uint8_t>();
    for (int64_t o = 0; o < plan.outer; ++o) {
      const uint8_t* from = x + o * part.run_bytes;
      uint8_t* to = y + o * plan.out_run_bytes;
      if (part.table) {
        lookup_int8(part.table->data(), from, part.run_bytes, to);
      } else if (part.run_bytes > 0) {
        std::memcpy(to, from, static_cast<size_t>(part.run_bytes));
      }
    }
    y += part.run_bytes;
  }
}

std::optional<Dims> concat_dims(const InferContext& context) {
  std::optional<Dims> dims;
  size_t axis = 0;
  for (size_t i = 0; i < operand_count(context.input_count()); ++i) {
    const auto& own = context.dims(operand_input(i));
    if (!own) return std::nullopt;
    if (!dims) {
      dims = own;
      axis = checked_axis(context, context.node.int_attribute("axis", 0), own->size());
      continue;
    }
    if (own->size() != dims->size()) {
      context.fail(ErrorCode::kInvalidShape, "operands of ranks " + std::to_string(dims->size()) +
                                                 " and " + std::to_string(own->size()));
    }
    for (size_t d = 0; d < own->size(); ++d) {
      Dim& sum = (*dims)[d];
      const Dim& dim = (*own)[d];
      if (d == axis) {
        sum = sum.known() && dim.known() ? Dim{sum.value + dim.value, {}} : Dim{};
      } else if (sum.known() && dim.known() && sum.value != dim.value) {
        context.fail(ErrorCode::kInvalidShape, "operands differ in dim " + std::to_string(d) +
                                                   ": " + std::to_string(sum.value) + " and " +
                                                   std::to_string(dim.value));
      } else if (!sum.known()) {
        sum = dim;
      }
    }
  }
  return dims;
}

void infer_concat(InferContext& context) {
  context.set_output(0, context.dtype(kFirst), concat_dims(context));
}

}  // namespace

std::vector<OpDef> qlinear_concat_rows() {
  return with_twin(
      {.domain = kMicrosoftDomain,
       .op_type = "QLinearConcat",
       .inputs = {Role::kActivation},
       .layout = LayoutRule::kFollow,
       .infer = infer_concat,
       .plan = plan_concat,
       .run = run_concat,
       .needs_constant = [](size_t i) { return i < kFirst || (i - kFirst) % 3 != 0; }});
}

}  // namespace eightfold
