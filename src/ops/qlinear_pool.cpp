// QLinearAveragePool and QLinearGlobalAveragePool on channels-last pixels.
// Source: ONNX Runtime com.microsoft operators of these names, in its order of operations:
//
//   AveragePool: y = clamp(round_half_even((sum over taps of (x - zx) * sx) / count / sy) + zy),
//                summed in float, tap by tap
//   Global:      y = clamp(round_half_even(float(sum of (x - zx)) * (sx / (sy * pixels))) + zy)
#include <memory>

#include "kernels/int8.h"
#include "kernels/int8_taps.h"
#include "kernels/kernels.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

void check_layout(const Node& node) {
  if (node.int_attribute("channels_last", 0) != 0) {
    throw Error(ErrorCode::kUnsupportedModel, "channels_last = 1",
                "transpose to [N, C, spatial...] and leave the attribute out");
  }
}

struct PoolPlan {
  PoolShape shape;
  TableQParams params;
  Int8Output out;
  bool is_signed = false;
  bool count_padding = false;
};

std::shared_ptr<PoolPlan> common_plan(PlanContext& context) {
  const Node& node = context.node;
  check_layout(node);
  const Shape& x_shape = context.inputs[0].shape;
  if (x_shape.size() < 3) {
    context.fail(ErrorCode::kInvalidShape, "an input of shape " + shape_text(x_shape));
  }
  const OperandQParams x = read_tensor_qparams(node, context.constants, 1, 2);
  const OperandQParams y = read_tensor_qparams(node, context.constants, 3, 4);
  auto plan = std::make_shared<PoolPlan>();
  plan->shape.batch = x_shape[0];
  plan->shape.channels = x_shape[1];
  plan->params = {x.tensor_scale(), x.tensor_zero(), y.tensor_scale(), y.tensor_zero()};
  plan->is_signed = is_signed_input(context, 0);
  plan->out = output_of(node, context.inputs[0].dtype, y.tensor_zero());
  return plan;
}

OpState plan_average(PlanContext& context) {
  const std::shared_ptr<PoolPlan> plan = common_plan(context);
  const Shape& x = context.inputs[0].shape;
  plan->shape.window = make_window(read_window(context.node, x.size() - 2), x);
  plan->count_padding = context.node.int_attribute("count_include_pad", 0) != 0;
  context.scratch_bytes = static_cast<size_t>(plan->shape.channels) * sizeof(float);
  return plan;
}

OpState plan_global(PlanContext& context) {
  const std::shared_ptr<PoolPlan> plan = common_plan(context);
  plan->shape.window.axes[2].in = element_count(std::span(context.inputs[0].shape).subspan(2));
  context.scratch_bytes = static_cast<size_t>(plan->shape.channels) * sizeof(int32_t);
  return plan;
}

// Adds the dequantized pixel to the sums of its channels.
template <typename T>
void add_pixel(const uint8_t* pixel, const PoolPlan& plan, float* sums) {
  const auto* x = reinterpret_cast<const T*>(pixel);
  const float scale = plan.params.x_scale;
  const int32_t zero = plan.params.x_zero;
  for (int64_t c = 0; c < plan.shape.channels; ++c) {
    sums[c] += static_cast<float>(x[c] - zero) * scale;
  }
}

// Taps of an output pixel that count: those inside the input, or those inside input and pads.
class TapCounter {
 public:
  explicit TapCounter(const Window& window) : window_(window) {}
  // Counts of successive output pixels of one image, over and over.
  int64_t next() {
    const auto& [depth, height, width] = window_.axes;
    const int64_t w = at_ % width.out, h = at_ / width.out % height.out;
    const int64_t d = at_ / width.out / height.out % depth.out;
    ++at_;
    return padded(depth, d) * padded(height, h) * padded(width, w);
  }

 private:
  static int64_t padded(WindowAxis axis, int64_t out) {
    axis.in += axis.pad + axis.pad_end;
    axis.pad = 0;
    return taps_inside(axis, out).count();
  }
  const Window& window_;
  int64_t at_ = 0;
};

void run_average(RunContext& context) {
  const auto& plan = context.plan_as<PoolPlan>();
  const int64_t channels = plan.shape.channels;
  auto* sums = reinterpret_cast<float*>(context.scratch);
  const auto quantize_row = select<QuantizeInt8>()->run;
  const auto add = plan.is_signed ? add_pixel<int8_t> : add_pixel<uint8_t>;
  TapCounter counter(plan.shape.window);
  Int8Output out = plan.out;
  out.data = context.outputs[0].data;
  for_each_window(
      context.inputs[0].as<uint8_t>(), plan.shape, [&](const std::vector<const uint8_t*>& taps) {
        std::fill_n(sums, channels, 0.0f);
        for (const uint8_t* pixel : taps) add(pixel, plan, sums);
        const int64_t padded = counter.next();
        const auto count = static_cast<int64_t>(taps.size());
        const auto divisor =
            static_cast<float>(std::max<int64_t>(1, plan.count_padding ? padded : count));
        for (int64_t c = 0; c < channels; ++c) sums[c] /= divisor;
        quantize_row(sums, channels, plan.params.y_scale, out);
        out.data = static_cast<uint8_t*>(out.data) + channels;
      });
}

void run_global(RunContext& context) {
  const auto& plan = context.plan_as<PoolPlan>();
  const int64_t channels = plan.shape.channels;
  const int64_t pixels = plan.shape.window.in_size();
  auto* sums = reinterpret_cast<int32_t*>(context.scratch);
  const auto sum_rows = select<SumRowsInt8>()->run;
  const auto [x_scale, x_zero, y_scale, y_zero] = plan.params;
  const float scale = x_scale / (y_scale * static_cast<float>(pixels));
  const auto* x = context.inputs[0].as<uint8_t>();
  auto* y = context.outputs[0].as<uint8_t>();
  std::vector<const uint8_t*> rows(static_cast<size_t>(pixels));
  for (int64_t n = 0; n < plan.shape.batch; ++n) {
    std::fill_n(sums, channels, static_cast<int32_t>(-x_zero * pixels));
    for (size_t p = 0; p < rows.size(); ++p) {
      rows[p] = x + (n * pixels + static_cast<int64_t>(p)) * channels;
    }
    sum_rows(rows.data(), pixels, channels, plan.is_signed, sums);
    for (int64_t c = 0; c < channels; ++c) {
      *y++ = static_cast<uint8_t>(requantize_int8(sums[c], scale, plan.out));
    }
  }
}

void infer_average(InferContext& context) {
  check_layout(context.node);
  const auto& input = context.dims(0);
  if (!input || input->size() < 3) return context.set_output(0, context.dtype(0), std::nullopt);
  const WindowSpec spec = read_window(context.node, input->size() - 2);
  context.set_output(0, context.dtype(0), window_output_dims(spec, *input, (*input)[1]));
}

void infer_global(InferContext& context) {
  check_layout(context.node);
  std::optional<Dims> dims = context.dims(0);
  for (size_t d = 2; dims && d < dims->size(); ++d) (*dims)[d] = Dim{1, {}};
  context.set_output(0, context.dtype(0), std::move(dims));
}

}  // namespace

std::vector<OpDef> qlinear_pool_rows() {
  OpDef average{.domain = kMicrosoftDomain,
                .op_type = "QLinearAveragePool",
                .inputs = {Role::kActivation, Role::kParameter},
                .layout = LayoutRule::kChannelsLast,
                .infer = infer_average,
                .plan = plan_average,
                .run = run_average,
                .needs_constant = needs_parameters};
  OpDef global = average;
  global.op_type = "QLinearGlobalAveragePool";
  global.infer = infer_global;
  global.plan = plan_global;
  global.run = run_global;
  return {std::move(average), std::move(global)};
}

}  // namespace eightfold
