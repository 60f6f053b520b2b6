// MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool over channels-last images.
// Source: ONNX; where a window lies under ceil_mode, ONNX Runtime (see spatial.h).
#include <memory>

#include "kernels/float.h"
#include "kernels/int8.h"
#include "ops/families.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

// The whole image is one window.
WindowSpec global_window(std::span<const int64_t> shape) {
  WindowSpec spec;
  spec.kernel.assign(shape.begin() + 2, shape.end());
  const size_t rank = spec.kernel.size();
  spec.strides = spec.dilations = Shape(rank, 1);
  spec.pads_begin = spec.pads_end = Shape(rank, 0);
  return spec;
}

bool is_global(const Node& node) { return node.op_type.starts_with("Global"); }
bool is_max(const Node& node) { return node.op_type.ends_with("MaxPool"); }

// ---------------------------------------------------------------- infer
void infer_pool(InferContext& context) {
  const auto& input = context.dims(0);
  if (!input) return context.set_output(0, context.dtype(0), std::nullopt);
  if (input->size() < 3) {
    context.fail(ErrorCode::kInvalidShape,
                 "an input of rank " + std::to_string(input->size()) + ", expected 3 or more");
  }
  const WindowSpec spec = read_window(context.node, input->size() - 2);
  const Dims dims = window_output_dims(spec, *input, (*input)[1]);
  context.set_output(0, context.dtype(0), dims);
  context.set_output(1, DType::kInt64, dims);
}

void infer_global(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  for (size_t i = 2; dims && i < dims->size(); ++i) (*dims)[i] = Dim{1, {}};
  context.set_output(0, context.dtype(0), std::move(dims));
}

// ---------------------------------------------------------------- plan
struct PoolPlan {
  PoolShape shape;
  PoolCount counting = PoolCount::kInside;
};

void check_pool(const PlanContext& context) {
  const TensorInfo& x = context.inputs[0];
  const bool is_integer = is_max(context.node) && is_quantized_int8(x.dtype);
  if (x.dtype != DType::kFloat32 && !is_integer) {
    context.fail(ErrorCode::kInvalidType, "input is " + std::string(dtype_name(x.dtype)) +
                                              ", expected float32" +
                                              (is_max(context.node) ? ", uint8 or int8" : ""));
  }
  if (context.outputs.size() > 1 && context.outputs[1].present()) {
    context.fail(ErrorCode::kUnsupportedOp, "MaxPool's output Indices is not implemented");
  }
  if (x.shape.size() < 3 || x.shape.size() > 5) {
    context.fail(ErrorCode::kInvalidShape, "an input of shape " + shape_text(x.shape));
  }
}

OpState plan_pool(PlanContext& context) {
  check_pool(context);
  const Shape& x = context.inputs[0].shape;
  const WindowSpec spec =
      is_global(context.node) ? global_window(x) : read_window(context.node, x.size() - 2);
  auto plan = std::make_shared<PoolPlan>();
  if (element_count(x) > 0) plan->shape = {x[0], x[1], make_window(spec, x)};
  if (context.node.int_attribute("count_include_pad", 0) != 0) {
    plan->counting = PoolCount::kWithPadding;
  }
  return plan;
}

// ---------------------------------------------------------------- run
void run_max(RunContext& context) {
  const PoolShape& shape = context.plan_as<PoolPlan>().shape;
  const TensorView& x = context.inputs[0];
  if (x.dtype == DType::kFloat32) {
    return max_pool_f32(x.as<float>(), shape, context.outputs[0].as<float>());
  }
  max_pool_int8(x.data, x.dtype == DType::kInt8, shape, context.outputs[0].data);
}

void run_average(RunContext& context) {
  const auto& plan = context.plan_as<PoolPlan>();
  average_pool_f32(context.inputs[0].as<float>(), plan.shape, plan.counting,
                   context.outputs[0].as<float>());
}

OpDef pool_row(std::string_view op_type, void (*infer)(InferContext&), void (*run)(RunContext&)) {
  return {.domain = "",
          .op_type = op_type,
          .inputs = {Role::kActivation},
          .layout = LayoutRule::kChannelsLast,
          .infer = infer,
          .plan = plan_pool,
          .run = run};
}

OpDef max_row(std::string_view op_type, void (*infer)(InferContext&)) {
  OpDef row = pool_row(op_type, infer, run_max);
  row.quantized = {QuantizedOperands::kDirect, "", op_type};
  row.observation = {Observation::kSameAsInput};
  return row;
}

OpDef average_row(std::string_view op_type, void (*infer)(InferContext&),
                  std::string_view quantized) {
  OpDef row = pool_row(op_type, infer, run_average);
  row.quantized = {QuantizedOperands::kUnary, kMicrosoftDomain, quantized};
  row.observation = {Observation::kDifferentFromInput};
  return row;
}

}  // namespace

std::vector<OpDef> pool_ops() {
  return {max_row("MaxPool", infer_pool), max_row("GlobalMaxPool", infer_global),
          average_row("AveragePool", infer_pool, "QLinearAveragePool"),
          average_row("GlobalAveragePool", infer_global, "QLinearGlobalAveragePool")};
}

}  // namespace eightfold
