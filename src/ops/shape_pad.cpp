// Pad with modes constant, reflect, edge and wrap; negative pads cut.
// Per axis a map from output to source index; see mapped_copy.h.
#include <algorithm>
#include <memory>

#include "ops/cast.h"
#include "ops/mapped_copy.h"
#include "ops/shape_rows.h"

namespace eightfold {
namespace {

constexpr int kInputsSince = 11;

struct Pads {
  std::vector<int64_t> begin, end;  // per axis of the data
};

template <typename Context>
Pads make_pads(const Context& context, size_t rank, const std::vector<int64_t>& pads,
               const std::vector<int64_t>& axes) {
  const size_t count = axes.empty() ? rank : axes.size();
  if (pads.size() != 2 * count) {
    context.fail(ErrorCode::kInvalidShape,
                 std::to_string(pads.size()) + " pads for " + std::to_string(count) + " axes");
  }
  Pads result{std::vector<int64_t>(rank), std::vector<int64_t>(rank)};
  for (size_t i = 0; i < count; ++i) {
    const size_t axis = axes.empty() ? i : checked_axis(context, axes[i], rank);
    result.begin[axis] = pads[i];
    result.end[axis] = pads[i + count];
  }
  return result;
}

bool takes_inputs(int64_t opset) { return opset >= kInputsSince || opset <= 0; }

std::string_view pads_attribute(const Node& node) {
  return node.has_attribute("paddings") ? "paddings" : "pads";  // opset 1
}

void infer_pad(InferContext& context) {
  std::optional<Dims> result = context.dims(0);
  if (result) {
    const bool inputs = takes_inputs(context.opset);
    const auto pads = infer_integers(context, inputs ? 1 : 99, pads_attribute(context.node));
    const auto axes = infer_integers(context, inputs ? 3 : 99, "axes");
    if (pads && axes) {
      const Pads per_axis = make_pads(context, result->size(), *pads, *axes);
      for (size_t i = 0; i < result->size(); ++i) {
        Dim& dim = (*result)[i];
        const int64_t extra = per_axis.begin[i] + per_axis.end[i];
        if (extra == 0) continue;
        if (dim.known() && dim.value + extra < 0) {
          context.fail(ErrorCode::kInvalidShape, "negative pads exceed axis " + std::to_string(i));
        }
        dim = dim.known() ? Dim{dim.value + extra, {}} : Dim{};
      }
    } else {
      for (Dim& dim : *result) dim = {};
    }
  }
  context.set_output(0, context.dtype(0), std::move(result));
}

int64_t modulo(int64_t a, int64_t n) { return (a % n + n) % n; }

// Source index of position `at` along an axis of `dim` elements, or kFill.
int64_t source_index(std::string_view mode, int64_t at, int64_t dim) {
  if (at >= 0 && at < dim) return at;
  if (mode == "constant" || dim == 0) return kFill;
  if (mode == "edge") return at < 0 ? 0 : dim - 1;
  if (mode == "wrap") return modulo(at, dim);
  if (dim == 1) return 0;
  const int64_t period = 2 * (dim - 1);  // reflect: 0 1 2 1 0 1 ...
  const int64_t folded = modulo(at, period);
  return folded < dim ? folded : period - folded;
}

OpState plan_pad(PlanContext& context) {
  const std::string mode = context.node.string_attribute("mode", "constant");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap") {
    context.fail(ErrorCode::kInvalidAttribute, "mode '" + mode + "'");
  }
  const bool inputs = takes_inputs(context.opset);
  const Shape& shape = context.inputs[0].shape;
  const Pads pads = make_pads(context, shape.size(),
                              plan_integers(context, inputs ? 1 : 99, pads_attribute(context.node)),
                              plan_integers(context, inputs ? 3 : 99, "axes"));
  std::vector<std::vector<int64_t>> maps(shape.size());
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    for (int64_t i = 0; i < context.outputs[0].shape[axis]; ++i) {
      maps[axis].push_back(source_index(mode, i - pads.begin[axis], shape[axis]));
    }
  }
  return std::make_shared<const MappedCopy>(
      make_mapped_copy(context.inputs[0], context.outputs[0], maps));
}

void run_pad(RunContext& context) {
  const TensorView& x = context.inputs[0];
  uint64_t zero = 0;
  const void* fill = &zero;
  if (takes_inputs(context.opset)) {
    if (context.has_input(2)) {
      if (context.inputs[2].dtype != x.dtype || context.inputs[2].size() != 1) {
        context.fail(ErrorCode::kInvalidType,
                     "the fill value must be one element of the data's dtype");
      }
      fill = context.inputs[2].data;
    }
  } else {
    float value = context.node.float_attribute("value", 0);
    cast_elements({DType::kFloat32, Layout::kPlain, {}, &value},
                  {x.dtype, Layout::kPlain, {}, &zero});
  }
  run_mapped_copy(context.plan_as<MappedCopy>(), element_bytes(context, x.dtype), x.data,
                  context.outputs[0].data, fill);
}

// ---- CenterCropPad: the middle of an axis, or the axis in the middle of zeros
// The extent of every axis; unknown while the input is.
std::optional<Shape> centered_shape(const InferContext& context, const Shape& shape) {
  const auto wanted = context.constant_ints(1);
  if (!wanted) return std::nullopt;
  const std::vector<int64_t> axes = context.node.ints_attribute("axes");
  if (wanted->size() != (axes.empty() ? shape.size() : axes.size())) {
    context.fail(ErrorCode::kInvalidShape, std::to_string(wanted->size()) + " extents");
  }
  Shape result = shape;
  for (size_t i = 0; i < wanted->size(); ++i) {
    if ((*wanted)[i] < 0) context.fail(ErrorCode::kInvalidShape, "an extent is negative");
    result[axes.empty() ? i : checked_axis(context, axes[i], shape.size())] = (*wanted)[i];
  }
  return result;
}

void infer_center(InferContext& context) {
  const auto shape = known_shape(context.input(0));
  const auto result = shape ? centered_shape(context, *shape) : std::nullopt;
  if (!result) return context.set_output(0, context.dtype(0), std::nullopt);
  context.set_output(0, context.dtype(0), *result);
}

OpState plan_center(PlanContext& context) {
  const Shape &x = context.inputs[0].shape, &y = context.outputs[0].shape;
  std::vector<std::vector<int64_t>> maps(x.size());
  for (size_t axis = 0; axis < x.size(); ++axis) {
    const bool crops = x[axis] > y[axis];
    const int64_t shift = crops ? (x[axis] - y[axis]) / 2 : -((y[axis] - x[axis]) / 2);
    for (int64_t i = 0; i < y[axis]; ++i) {
      maps[axis].push_back(source_index("constant", i + shift, x[axis]));
    }
  }
  return std::make_shared<const MappedCopy>(
      make_mapped_copy(context.inputs[0], context.outputs[0], maps));
}

void run_center(RunContext& context) {
  const TensorView& x = context.inputs[0];
  const uint64_t zero = 0;
  run_mapped_copy(context.plan_as<MappedCopy>(), element_bytes(context, x.dtype), x.data,
                  context.outputs[0].data, &zero);
}

}  // namespace

void add_pad_rows(std::vector<OpDef>& rows) {
  rows.push_back(moving_row("Pad", 1, kLatestOpset, infer_pad, plan_pad, run_pad));
  rows.back().inputs = {Role::kActivation, Role::kShape, Role::kParameter, Role::kShape};
  rows.back().layout = LayoutRule::kFollow;
  OpDef center =
      moving_row("CenterCropPad", 18, kLatestOpset, infer_center, plan_center, run_center);
  center.quantized = {};  // zeros are not the integer 0
  rows.push_back(std::move(center));
}

}  // namespace eightfold
