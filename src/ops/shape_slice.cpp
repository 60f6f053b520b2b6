// Slice: y[i] = x[start + i * step] along each axis, bounds clamped as numpy does.
#include <algorithm>
#include <limits>
#include <memory>

#include "ops/shape_rows.h"

namespace eightfold {
namespace {

constexpr int kInputsSince = 10;  // starts, ends, axes, steps are inputs from here on

// What the node asks for along one axis.
struct Cut {
  size_t axis = 0;
  int64_t start = 0, end = 0, step = 1;
};

struct Bounds {
  int64_t start = 0, count = 0;
};

// ONNX: bounds count from the end when negative, then are clamped to the axis.
Bounds clamped(const Cut& cut, int64_t dim) {
  const auto place = [&](int64_t at, int64_t low, int64_t high) {
    return std::clamp(at < 0 ? at + dim : at, low, high);
  };
  if (cut.step > 0) {
    const int64_t start = place(cut.start, 0, dim), end = place(cut.end, 0, dim);
    return {start, std::max<int64_t>(0, (end - start + cut.step - 1) / cut.step)};
  }
  const int64_t start = place(cut.start, 0, dim - 1), end = place(cut.end, -1, dim - 1);
  const int64_t back = -cut.step;
  return {start, std::max<int64_t>(0, (start - end + back - 1) / back)};
}

template <typename Context>
std::vector<Cut> make_cuts(const Context& context, size_t rank, std::vector<int64_t> starts,
                           std::vector<int64_t> ends, std::vector<int64_t> axes,
                           std::vector<int64_t> steps) {
  if (ends.size() != starts.size() || (!axes.empty() && axes.size() != starts.size()) ||
      (!steps.empty() && steps.size() != starts.size())) {
    context.fail(ErrorCode::kInvalidShape, "starts, ends, axes and steps differ in length");
  }
  std::vector<Cut> cuts;
  for (size_t i = 0; i < starts.size(); ++i) {
    Cut cut{0, starts[i], ends[i], steps.empty() ? 1 : steps[i]};
    cut.axis = checked_axis(context, axes.empty() ? static_cast<int64_t>(i) : axes[i], rank);
    if (cut.step == 0) context.fail(ErrorCode::kInvalidAttribute, "a step of 0");
    // The lowest int64 as a step would overflow when negated.
    cut.step = std::max(cut.step, -std::numeric_limits<int64_t>::max() / 2);
    cut.step = std::min(cut.step, std::numeric_limits<int64_t>::max() / 2);
    cuts.push_back(cut);
  }
  return cuts;
}

std::optional<std::vector<Cut>> infer_cuts(const InferContext& context, size_t rank) {
  const bool inputs = context.opset >= kInputsSince || context.opset <= 0;
  const size_t first = inputs ? 1 : 99;  // past the inputs: attributes are read
  const auto starts = infer_integers(context, first, "starts");
  const auto ends = infer_integers(context, first + 1, "ends");
  const auto axes = infer_integers(context, first + 2, "axes");
  const auto steps = infer_integers(context, first + 3, "steps");
  if (!starts || !ends || !axes || !steps) return std::nullopt;
  return make_cuts(context, rank, *starts, *ends, *axes, *steps);
}

void infer_slice(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  if (result) {
    const auto cuts = infer_cuts(context, result->size());
    if (!cuts) {
      for (Dim& dim : *result) dim = {};
    } else {
      for (const Cut& cut : *cuts) {
        Dim& dim = (*result)[cut.axis];
        const bool whole =
            cut.start == 0 && cut.step == 1 && cut.end >= std::numeric_limits<int32_t>::max();
        if (dim.known())
          dim = {clamped(cut, dim.value).count, {}};
        else if (!whole)
          dim = {};
      }
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

OpState plan_slice(PlanContext& context) {
  const TensorInfo& x = context.inputs[0];
  const TensorInfo& y = context.outputs[0];
  const size_t rank = x.shape.size();
  const bool inputs = context.opset >= kInputsSince || context.opset <= 0;
  const size_t first = inputs ? 1 : 99;
  const std::vector<Cut> cuts = make_cuts(context, rank, plan_integers(context, first, "starts"),
                                          plan_integers(context, first + 1, "ends"),
                                          plan_integers(context, first + 2, "axes"),
                                          plan_integers(context, first + 3, "steps"));
  Shape from = physical_strides(x.shape, x.layout);
  StridedCopy copy;
  for (const Cut& cut : cuts) {
    copy.from_offset += clamped(cut, x.shape[cut.axis]).start * from[cut.axis];
    // A step past the axis takes one element; its stride would overflow.
    if (y.shape[cut.axis] > 1) from[cut.axis] *= cut.step;
  }
  const Shape to = physical_strides(y.shape, y.layout);
  for (size_t axis : physical_order(rank, y.layout)) {
    copy.dims.push_back(y.shape[axis]);
    copy.from.push_back(from[axis]);
    copy.to.push_back(to[axis]);
  }
  return std::make_shared<const StridedCopy>(simplified(copy));
}

}  // namespace

void add_slice_rows(std::vector<OpDef>& rows) {
  rows.push_back(moving_row("Slice", 1, kLatestOpset, infer_slice, plan_slice, run_strided));
  rows.back().layout = LayoutRule::kFollow;
}

}  // namespace eightfold
