// The rows of operators that move data without computing: reshaping, joining, cutting, gathering.
// They are generic in the element size, so int8 data passes through them as it is.
#include "ops/families.h"
#include "ops/random.h"
#include "ops/shape_pick.h"
#include "ops/shape_rows.h"
#include "ops/spectral.h"

namespace eightfold {

std::vector<int64_t> integers(const TensorView& view) {
  const size_t count = static_cast<size_t>(view.size());
  if (view.dtype == DType::kInt64) return {view.as<int64_t>(), view.as<int64_t>() + count};
  if (view.dtype == DType::kInt32) return {view.as<int32_t>(), view.as<int32_t>() + count};
  throw Error(ErrorCode::kInvalidType,
              "expected int32 or int64, got " + std::string(dtype_name(view.dtype)));
}

std::vector<int64_t> integers(const Tensor* tensor) {
  if (!tensor || !tensor->defined()) return {};
  return integers(TensorView{tensor->dtype(), Layout::kPlain, tensor->shape(),
                             const_cast<void*>(tensor->raw())});
}

std::optional<std::vector<int64_t>> infer_integers(const InferContext& context, size_t input,
                                                   std::string_view attribute,
                                                   std::vector<int64_t> absent) {
  if (context.has_input(input)) {
    const Tensor* tensor = context.constant(input);
    if (!tensor) return std::nullopt;
    return integers(tensor);
  }
  return context.node.ints_attribute(attribute, std::move(absent));
}

std::vector<int64_t> plan_integers(const PlanContext& context, size_t input,
                                   std::string_view attribute, std::vector<int64_t> absent) {
  if (context.has_input(input)) {
    const Tensor* tensor = context.constant(input);
    // Infer leaves the shape unknown without it, so that the node is planned while running.
    if (!tensor) context.fail(ErrorCode::kInternal, "planned without the value of an input");
    return integers(tensor);
  }
  return context.node.ints_attribute(attribute, std::move(absent));
}

OpDef moving_row(std::string_view op_type, int since, int until, void (*infer)(InferContext&),
                 OpState (*plan)(PlanContext&), void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.since = since;
  row.until = until;
  row.inputs = {Role::kActivation, Role::kShape};
  row.infer = infer;
  row.plan = plan;
  row.run = run;
  row.floats = FloatTypes::kAny;
  row.quantized = kDirectForm;
  row.observation = kSameObservation;
  return row;
}

void run_strided(RunContext& context) {
  const TensorView& x = context.inputs[0];
  run_copy(context.plan_as<StridedCopy>(), element_bytes(context, x.dtype), x.data,
           context.outputs[0].data);
}

std::vector<OpDef> shape_ops() {
  std::vector<OpDef> rows;
  add_view_rows(rows);
  add_join_rows(rows);
  add_slice_rows(rows);
  add_pad_rows(rows);
  add_transpose_rows(rows);
  add_gather_rows(rows);
  add_scatter_rows(rows);
  add_repeat_rows(rows);
  add_create_rows(rows);
  add_resize_rows(rows);
  add_pick_rows(rows);
  add_random_rows(rows);
  add_spectral_rows(rows);
  return rows;
}

}  // namespace eightfold
