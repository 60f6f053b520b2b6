// CumSum and TopK along one axis.
#include <algorithm>
#include <numeric>

#include "ops/reduce.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// ---- CumSum: y[i] = sum_{j <= i} x[j]; exclusive leaves out j == i, reverse sums from the end
void infer_cum_sum(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(0));
}

void run_cum_sum(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const std::vector<int64_t> given = integers(context.inputs[1]);
  if (given.size() != 1) context.fail(ErrorCode::kInvalidShape, "the axis must be a scalar");
  const size_t rank = x.shape.size();
  const size_t axis = checked_axis(context, given[0], rank);
  const bool exclusive = context.node.int_attribute("exclusive", 0) != 0;
  const bool reverse = context.node.int_attribute("reverse", 0) != 0;
  const int64_t outer = product(x.shape, 0, axis), count = x.shape[axis];
  const int64_t inner = product(x.shape, axis + 1, rank);
  const bool done = dtype_switch<float, double, int64_t, int32_t>(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t k = 0; k < inner; ++k) {
        const int64_t base = o * count * inner + k;
        T sum{};
        for (int64_t i = 0; i < count; ++i) {
          const int64_t at = base + (reverse ? count - 1 - i : i) * inner;
          const T value = x.as<T>()[at];
          if (exclusive) context.outputs[0].as<T>()[at] = sum;
          sum = static_cast<T>(sum + value);
          if (!exclusive) context.outputs[0].as<T>()[at] = sum;
        }
      }
    }
  });
  if (!done) refuse_dtype(context, x.dtype);
}

// ---- TopK: values and indices, sorted; of equal values the lower index comes first
void infer_top_k(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  if (result) {
    const size_t axis =
        checked_axis(context, context.node.int_attribute("axis", -1), result->size());
    Dim dim;
    if (context.has_input(1)) {
      const auto k = context.constant_ints(1);
      if (k && k->size() == 1) dim.value = (*k)[0];
    } else {
      dim.value = context.node.int_attribute("k", -1);
    }
    const Dim& extent = (*result)[axis];
    if (dim.known() && extent.known() && dim.value > extent.value) {
      context.fail(ErrorCode::kInvalidShape, "k is " + std::to_string(dim.value) +
                                                 ", the axis has " + std::to_string(extent.value) +
                                                 " elements");
    }
    (*result)[axis] = dim;
  }
  context.set_output(0, context.dtype(0), result);
  context.set_output(1, DType::kInt64, std::move(result));
}

void run_top_k(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const size_t rank = x.shape.size();
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", -1), rank);
  const bool largest = context.node.int_attribute("largest", 1) != 0;
  const int64_t outer = product(x.shape, 0, axis), count = x.shape[axis];
  const int64_t inner = product(x.shape, axis + 1, rank), k = context.outputs[0].shape[axis];
  std::vector<int64_t> order(static_cast<size_t>(count));
  const bool done =
      dtype_switch<float, double, int64_t, int32_t, int8_t, uint8_t>(x.dtype, [&](auto tag) {
        using T = decltype(tag);
        for (int64_t column = 0; column < outer * inner; ++column) {
          const int64_t from = column / inner * inner * count + column % inner;
          const int64_t to = column / inner * inner * k + column % inner;
          const T* values = x.as<T>() + from;
          std::iota(order.begin(), order.end(), int64_t{0});
          const auto before = [&](int64_t a, int64_t b) {
            const T left = values[a * inner], right = values[b * inner];
            if (left == right) return a < b;
            return largest ? left > right : left < right;
          };
          std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
          for (int64_t i = 0; i < k; ++i) {
            const int64_t chosen = order[static_cast<size_t>(i)];
            context.outputs[0].as<T>()[to + i * inner] = values[chosen * inner];
            if (context.has_output(1)) context.outputs[1].as<int64_t>()[to + i * inner] = chosen;
          }
        }
      });
  if (!done) refuse_dtype(context, x.dtype);
}

OpDef scan_row(std::string_view op_type, int since, void (*infer)(InferContext&),
               void (*run)(RunContext&)) {
  OpDef row;
  row.op_type = op_type;
  row.since = since;
  row.inputs = {Role::kActivation, Role::kShape};
  row.infer = infer;
  row.run = run;
  row.floats = FloatTypes::kDouble;
  return row;
}

}  // namespace

void add_scan_rows(std::vector<OpDef>& rows) {
  rows.push_back(scan_row("CumSum", 11, infer_cum_sum, run_cum_sum));
  rows.push_back(scan_row("TopK", 1, infer_top_k, run_top_k));
}

}  // namespace eightfold
