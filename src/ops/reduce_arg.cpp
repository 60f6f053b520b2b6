// ArgMax and ArgMin: the index of the extreme element along an axis; the first one of equals unless
// select_last_index is set.
#include <memory>

#include "ops/reduce.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

void infer_arg(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  if (result) {
    const size_t axis =
        checked_axis(context, context.node.int_attribute("axis", 0), result->size());
    if (context.node.int_attribute("keepdims", 1)) {
      (*result)[axis] = {1, {}};
    } else {
      result->erase(result->begin() + static_cast<std::ptrdiff_t>(axis));
    }
  }
  context.set_output(0, DType::kInt64, std::move(result));
}

template <typename T, bool kMax>
int64_t best_index(const T* x, int64_t count, int64_t step, bool last) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; ++i) {
    const T candidate = x[i * step], holder = x[best * step];
    const bool better = kMax ? candidate > holder : candidate < holder;
    if (better || (last && candidate == holder)) best = i;
  }
  return best;
}

template <bool kMax>
void run_arg(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const size_t rank = x.shape.size();
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", 0), rank);
  const bool last = context.node.int_attribute("select_last_index", 0) != 0;
  const int64_t count = x.shape[axis], inner = product(x.shape, axis + 1, rank);
  if (count == 0) context.fail(ErrorCode::kInvalidShape, "the axis is empty");
  const bool done =
      dtype_switch<float, double, int64_t, int32_t, int8_t, uint8_t>(x.dtype, [&](auto tag) {
        using T = decltype(tag);
        int64_t* y = context.outputs[0].as<int64_t>();
        for (int64_t i = 0, n = context.outputs[0].size(); i < n; ++i) {
          const T* from = x.as<T>() + i / inner * inner * count + i % inner;
          y[i] = best_index<T, kMax>(from, count, inner, last);
        }
      });
  if (!done) refuse_dtype(context, x.dtype);
}

OpDef arg_row(std::string_view op_type, void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.infer = infer_arg;
  row.run = run;
  row.floats = FloatTypes::kDouble;
  row.quantized = kDirectForm;  // quantization keeps the order
  row.observation = kNoObservation;
  return row;
}

}  // namespace

void add_arg_rows(std::vector<OpDef>& rows) {
  rows.push_back(arg_row("ArgMax", run_arg<true>));
  rows.push_back(arg_row("ArgMin", run_arg<false>));
}

}  // namespace eightfold
