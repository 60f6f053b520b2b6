// Expand and Tile: an input repeated along its axes.
#include <algorithm>
#include <memory>

#include "ops/broadcast.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

// ---- Expand: broadcast against a shape, both ways
void infer_expand(InferContext& context) {
  std::optional<Dims> result;
  const auto target = context.constant_ints(1);
  if (target && context.dims(0)) {
    Dims dims = *context.dims(0);
    Dims wanted = to_dims(*target);
    while (dims.size() < wanted.size()) dims.insert(dims.begin(), Dim{1, {}});
    while (wanted.size() < dims.size()) wanted.insert(wanted.begin(), Dim{1, {}});
    for (size_t i = 0; i < dims.size(); ++i) {
      if (wanted[i].value == 1 || dims[i] == wanted[i]) continue;
      if (dims[i].known() && dims[i].value != 1) {
        context.fail(ErrorCode::kInvalidShape, "axis of " + std::to_string(dims[i].value) +
                                                   " elements cannot become " +
                                                   std::to_string(wanted[i].value));
      }
      dims[i] = wanted[i];
    }
    result = std::move(dims);
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

OpState plan_expand(PlanContext& context) {
  const TensorInfo& y = context.outputs[0];
  const Broadcast rows = make_broadcast(y, context.inputs.first(1));
  StridedCopy copy;
  copy.dims = rows.dims;
  copy.from = rows.strides[0];
  copy.to = physical_strides(rows.dims, Layout::kPlain);
  return std::make_shared<const StridedCopy>(simplified(copy));
}

// ---- Tile: y[i] = x[i mod dim] along each axis
void infer_tile(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  const auto repeats = context.constant_ints(1);
  if (result) {
    if (repeats && repeats->size() != result->size()) {
      context.fail(ErrorCode::kInvalidShape, std::to_string(repeats->size()) + " repeats for " +
                                                 std::to_string(result->size()) + " axes");
    }
    for (size_t i = 0; i < result->size(); ++i) {
      Dim& dim = (*result)[i];
      if (!repeats)
        dim = {};
      else if ((*repeats)[i] < 0)
        context.fail(ErrorCode::kInvalidData, "a negative repeat");
      else if ((*repeats)[i] != 1)
        dim = dim.known() ? Dim{dim.value * (*repeats)[i], {}} : Dim{};
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

// Each axis becomes two, [repeats, dim], of which the first has stride 0.
OpState plan_tile(PlanContext& context) {
  const Shape& x = context.inputs[0].shape;
  const Shape& y = context.outputs[0].shape;
  const Shape from = physical_strides(x, Layout::kPlain);
  const Shape to = physical_strides(y, Layout::kPlain);
  StridedCopy copy;
  for (size_t i = 0; i < x.size(); ++i) {
    copy.dims.insert(copy.dims.end(), {x[i] == 0 ? 0 : y[i] / x[i], x[i]});
    copy.from.insert(copy.from.end(), {0, from[i]});
    copy.to.insert(copy.to.end(), {to[i] * x[i], to[i]});
  }
  return std::make_shared<const StridedCopy>(simplified(copy));
}

}  // namespace

void add_repeat_rows(std::vector<OpDef>& rows) {
  rows.push_back(moving_row("Expand", 8, kLatestOpset, infer_expand, plan_expand, run_strided));
  rows.push_back(moving_row("Tile", 6, kLatestOpset, infer_tile, plan_tile, run_strided));
}

}  // namespace eightfold
