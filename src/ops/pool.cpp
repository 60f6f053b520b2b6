// MaxPool, AveragePool, LpPool and their Global forms over channels-last images.
// Source: ONNX; where a window lies under ceil_mode, ONNX Runtime (see spatial.h).
#include <array>
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
  int64_t p = 2;  // of LpPool
};

void check_pool(const PlanContext& context) {
  const TensorInfo& x = context.inputs[0];
  const bool is_integer = is_max(context.node) && is_quantized_int8(x.dtype);
  if (x.dtype != DType::kFloat32 && !is_integer) {
    context.fail(ErrorCode::kInvalidType, "input is " + std::string(dtype_name(x.dtype)) +
                                              ", expected float32" +
                                              (is_max(context.node) ? ", uint8 or int8" : ""));
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
  plan->p = context.node.int_attribute("p", 2);
  if (plan->p < 1) context.fail(ErrorCode::kInvalidAttribute, "p is " + std::to_string(plan->p));
  return plan;
}

// ---------------------------------------------------------------- run
float element(const TensorView& x, int64_t i) {
  if (x.dtype == DType::kFloat32) return x.as<float>()[i];
  return static_cast<float>(x.dtype == DType::kInt8 ? x.as<int8_t>()[i] : x.as<uint8_t>()[i]);
}

// Where the maximum of a window of one channel lies, as an offset into the plane of the channel;
// the first of equals. storage_order 1 counts the first spatial axes fastest.
int64_t place_of_maximum(const TensorView& x, const PoolShape& shape, int64_t first,
                         std::array<int64_t, 3> pixel, bool column_major) {
  const auto& axes = shape.window.axes;
  int64_t best = -1;
  float most = 0;
  std::array<TapRange, 3> taps;
  for (size_t i = 0; i < 3; ++i) taps[i] = taps_inside(axes[i], pixel[i]);
  for (int64_t d = taps[0].begin; d < taps[0].end; ++d) {
    for (int64_t h = taps[1].begin; h < taps[1].end; ++h) {
      for (int64_t w = taps[2].begin; w < taps[2].end; ++w) {
        const int64_t z = input_position(axes[0], pixel[0], d);
        const int64_t y = input_position(axes[1], pixel[1], h);
        const int64_t across = input_position(axes[2], pixel[2], w);
        const int64_t place = (z * axes[1].in + y) * axes[2].in + across;
        const float value = element(x, first + place * shape.channels);
        if (best >= 0 && !(value > most)) continue;
        most = value;
        best = column_major ? z + axes[0].in * (y + axes[1].in * across) : place;
      }
    }
  }
  return best;
}

void write_indices(const TensorView& x, const PoolShape& shape, bool column_major, int64_t* to) {
  const auto& axes = shape.window.axes;
  const int64_t plane = shape.window.in_size();
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t i = 0; i < shape.window.out_size(); ++i) {
      const std::array<int64_t, 3> pixel{i / axes[2].out / axes[1].out,
                                         i / axes[2].out % axes[1].out, i % axes[2].out};
      for (int64_t c = 0; c < shape.channels; ++c) {
        const int64_t place =
            place_of_maximum(x, shape, b * plane * shape.channels + c, pixel, column_major);
        *to++ = place < 0 ? -1 : (b * shape.channels + c) * plane + place;
      }
    }
  }
}

void run_max(RunContext& context) {
  const PoolShape& shape = context.plan_as<PoolPlan>().shape;
  const TensorView& x = context.inputs[0];
  if (context.has_output(1)) {
    write_indices(x, shape, context.node.int_attribute("storage_order", 0) != 0,
                  context.outputs[1].as<int64_t>());
  }
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

void run_lp(RunContext& context) {
  const auto& plan = context.plan_as<PoolPlan>();
  lp_pool_f32(context.inputs[0].as<float>(), plan.shape, plan.p, context.outputs[0].as<float>());
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
  return {max_row("MaxPool", infer_pool),
          max_row("GlobalMaxPool", infer_global),
          average_row("AveragePool", infer_pool, "QLinearAveragePool"),
          average_row("GlobalAveragePool", infer_global, "QLinearGlobalAveragePool"),
          pool_row("LpPool", infer_pool, run_lp),
          pool_row("GlobalLpPool", infer_global, run_lp)};
}

}  // namespace eightfold
