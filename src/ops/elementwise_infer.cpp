// Types and shapes of elementwise operators.
#include "ops/elementwise_rows.h"

namespace eightfold {
namespace {

// Before opset 7 the second operand was spread over the first, and never the other way. Versions of
// our own domain are another count: there an `axis` tells that a node was made so.
bool is_unidirectional(const InferContext& context) {
  const bool old = context.opset < 7 && context.opset > 0;
  return old && (context.node.domain.empty() || context.node.has_attribute("axis"));
}

std::optional<Dims> dims_of_broadcast(const InferContext& context) {
  if (is_unidirectional(context)) return context.dims(0);
  return broadcast_dims(context);
}

void check_same_dtype(const InferContext& context, size_t first) {
  const DType dtype = context.dtype(first);
  for (size_t i = first + 1; i < context.input_count(); ++i) {
    const DType other = context.dtype(i);
    if (dtype == other || dtype == DType::kUndefined || other == DType::kUndefined) continue;
    context.fail(ErrorCode::kInvalidType, "operands are " + std::string(dtype_name(dtype)) +
                                              " and " + std::string(dtype_name(other)));
  }
}

}  // namespace

void infer_same(InferContext& context) { context.set_output(0, context.dtype(0), context.dims(0)); }

void infer_broadcast(InferContext& context) {
  if (context.node.op_type != "Pow") check_same_dtype(context, 0);
  context.set_output(0, context.dtype(0), dims_of_broadcast(context));
}

void infer_comparison(InferContext& context) {
  check_same_dtype(context, 0);
  context.set_output(0, DType::kBool, dims_of_broadcast(context));
}

void infer_where(InferContext& context) {
  check_same_dtype(context, 1);
  context.set_output(0, context.dtype(1), broadcast_dims(context));
}

void infer_cast(InferContext& context) {
  const bool like = context.node.op_type == "CastLike";
  DType to = like ? context.dtype(1) : DType::kUndefined;
  if (!like) to = static_cast<DType>(context.node.int_attribute("to", 0));
  context.set_output(0, to, context.dims(0));
}

}  // namespace eightfold
