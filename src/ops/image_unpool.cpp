// MaxUnpool (9, 11, 22): the inverse of MaxPool's two outputs. Source: ONNX.
// Indices count through the shape that the window implies, also where output_shape asks for more.
#include "ops/image_rows.h"
#include "ops/shape_rows.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

Shape implied_shape(const Node& node, const Shape& x) {
  const WindowSpec spec = read_window(node, x.size() - 2);
  Shape shape(x.begin(), x.begin() + 2);
  for (size_t i = 0; i < spec.rank(); ++i) {
    shape.push_back((x[i + 2] - 1) * spec.strides[i] + spec.kernel[i] - spec.pads_begin[i] -
                    spec.pads_end[i]);
  }
  return shape;
}

void infer_unpool(InferContext& context) {
  std::optional<Shape> shape;
  const auto x = known_shape(context.input(0));
  if (x && x->size() < 3) {
    context.fail(ErrorCode::kInvalidShape, "an input of shape " + shape_text(*x));
  }
  if (context.has_input(2)) {
    shape = context.constant_ints(2);
  } else if (x) {
    shape = implied_shape(context.node, *x);
  }
  if (!shape) return context.set_output(0, context.dtype(0), std::nullopt);
  for (int64_t dim : *shape) {
    if (dim < 0) context.fail(ErrorCode::kInvalidShape, "an output of shape " + shape_text(*shape));
  }
  context.set_output(0, context.dtype(0), *shape);
}

OpState plan_unpool(PlanContext& context) {
  check_floats(context, 1);
  const Shape &x = context.inputs[0].shape, &y = context.outputs[0].shape;
  check_shapes(context, context.inputs[1].dtype == DType::kInt64 && context.inputs[1].shape == x &&
                            y.size() == x.size());
  const Shape implied = implied_shape(context.node, x);
  for (size_t i = 0; i < y.size(); ++i)
    check_shapes(context, implied[i] >= 0 && y[i] >= implied[i]);
  return std::make_shared<Shape>(implied);
}

void run_unpool(RunContext& context) {
  const auto& implied = context.plan_as<Shape>();
  const Shape strides = physical_strides(context.outputs[0].shape, Layout::kPlain);
  const float* x = context.inputs[0].as<float>();
  const auto* indices = context.inputs[1].as<int64_t>();
  float* y = context.outputs[0].as<float>();
  const int64_t count = element_count(implied);
  std::fill_n(y, context.outputs[0].size(), 0.0f);
  for (int64_t i = 0; i < context.inputs[0].size(); ++i) {
    int64_t rest = indices[i], at = 0;
    if (rest < 0 || rest >= count) {
      context.fail(ErrorCode::kInvalidData, "index " + std::to_string(rest) + " is out of range");
    }
    for (size_t axis = implied.size(); axis-- > 0; rest /= implied[axis]) {
      at += rest % implied[axis] * strides[axis];
    }
    y[at] = x[i];
  }
}

}  // namespace

void add_unpool_rows(std::vector<OpDef>& rows) {
  rows.push_back({.domain = "",
                  .op_type = "MaxUnpool",
                  .since = 9,
                  .inputs = {Role::kActivation, Role::kShape},
                  .infer = infer_unpool,
                  .plan = plan_unpool,
                  .run = run_unpool});
}

}  // namespace eightfold
