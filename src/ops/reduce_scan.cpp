// CumSum and TopK along one axis.
#include <algorithm>
#include <numeric>

#include "ops/cast.h"
#include "ops/elementwise_rows.h"
#include "ops/ordered.h"
#include "ops/reduce.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// A tensor around one axis: [outer, count, inner].
struct Extent {
  int64_t outer, count, inner;
  // The first element of a column along the axis, when that has `extent` elements.
  int64_t first_of(int64_t column, int64_t extent) const {
    return column / inner * inner * extent + column % inner;
  }
};
Extent extent_of(const Shape& shape, size_t axis) {
  return {product(shape, 0, axis), shape[axis], product(shape, axis + 1, shape.size())};
}

// ---- CumSum: y[i] = sum_{j <= i} x[j]; exclusive leaves out j == i, reverse sums from the end
void infer_cum_sum(InferContext& context) {
  context.set_output(0, context.dtype(0), context.dims(0));
}

template <typename T>
void sum_along(const T* x, T* y, const Extent& extent, bool exclusive, bool reverse) {
  for (int64_t column = 0; column < extent.outer * extent.inner; ++column) {
    const int64_t base = extent.first_of(column, extent.count);
    T sum{};
    for (int64_t i = 0; i < extent.count; ++i) {
      const int64_t at = base + (reverse ? extent.count - 1 - i : i) * extent.inner;
      const T value = x[at];
      if (exclusive) y[at] = sum;
      sum = static_cast<T>(static_cast<Wrapping<T>>(sum) + static_cast<Wrapping<T>>(value));
      if (!exclusive) y[at] = sum;
    }
  }
}

// Floats in their own type, whole numbers by way of int64.
void run_cum_sum(RunContext& context) {
  const TensorView &x = context.inputs[0], &y = context.outputs[0];
  number_kind(context);
  const std::vector<int64_t> given = integers(context.inputs[1]);
  if (given.size() != 1) context.fail(ErrorCode::kInvalidShape, "the axis must be a scalar");
  const Extent extent = extent_of(x.shape, checked_axis(context, given[0], x.shape.size()));
  const bool exclusive = context.node.int_attribute("exclusive", 0) != 0;
  const bool reverse = context.node.int_attribute("reverse", 0) != 0;
  const auto along = [&](auto tag) {
    using T = decltype(tag);
    std::vector<T> values(static_cast<size_t>(x.size()));
    const TensorView wide{DTypeOf<T>::kValue, Layout::kPlain, x.shape, values.data()};
    if (!cast_elements(x, wide)) refuse_dtype(context, x.dtype);
    sum_along(values.data(), values.data(), extent, exclusive, reverse);
    cast_elements(wide, y);
  };
  if (!dtype_switch<float, double>(x.dtype, along)) along(int64_t{});
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
  const size_t axis = checked_axis(context, context.node.int_attribute("axis", -1), x.shape.size());
  const int better = context.node.int_attribute("largest", 1) != 0 ? 1 : -1;
  const Extent extent = extent_of(x.shape, axis);
  const int64_t k = context.outputs[0].shape[axis];
  const size_t bytes = element_bytes(context, x.dtype);
  std::vector<int64_t> order(static_cast<size_t>(extent.count));
  Ordered values(number_kind(context));
  for (int64_t column = 0; column < extent.outer * extent.inner; ++column) {
    const int64_t from = extent.first_of(column, extent.count), to = extent.first_of(column, k);
    values.load(x, from, extent.inner, extent.count);
    std::iota(order.begin(), order.end(), int64_t{0});
    std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
      const int how = values.order(a, b);
      return how == 0 ? a < b : how == better;
    });
    for (int64_t i = 0; i < k; ++i) {
      const int64_t chosen = order[static_cast<size_t>(i)], at = to + i * extent.inner;
      copy_bytes(context.outputs[0].as<uint8_t>() + static_cast<size_t>(at) * bytes,
                 x.as<uint8_t>() + static_cast<size_t>(from + chosen * extent.inner) * bytes,
                 bytes);
      if (context.has_output(1)) context.outputs[1].as<int64_t>()[at] = chosen;
    }
  }
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
