// QLinearAveragePool and QLinearGlobalAveragePool on channels-last pixels.
// Source: ONNX Runtime com.microsoft operators of these names, in its order of operations:
//
//   AveragePool: y = clamp(round_half_even((sum over taps of (x - zx) * sx) / count / sy) + zy),
//                summed in float, tap by tap
//   Global:      y = clamp(round_half_even(float(sum of (x - zx)) * (sx / (sy * pixels))) + zy)
#include <algorithm>
#include <memory>
#include <utility>

#include "kernels/int8.h"
#include "kernels/int8_taps.h"
#include "kernels/kernels.h"
#include "ops/convert_layout.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

// channels_last = 1: the shapes themselves say [N, spatial..., C]. The session, which knows nothing
// of it, lays such values out as if axis 1 were the channels; they are laid out plainly again here.
bool says_channels_last(const Node& node) { return node.int_attribute("channels_last", 0) != 0; }

// [N, spatial..., C] as [N, C, spatial...], and back.
template <typename List>
List channels_second(const Node& node, List list) {
  if (says_channels_last(node)) std::rotate(list.begin() + 1, list.end() - 1, list.end());
  return list;
}
template <typename List>
List channels_as_said(const Node& node, List list) {
  if (says_channels_last(node)) std::rotate(list.begin() + 1, list.begin() + 2, list.end());
  return list;
}

struct PoolPlan {
  PoolShape shape;
  TableQParams params;
  Int8Output out;
  bool is_signed = false;
  bool count_padding = false;
  size_t said_at = 0;  // bytes of the scratch before the copies of says_channels_last
};

std::shared_ptr<PoolPlan> common_plan(PlanContext& context) {
  const Node& node = context.node;
  const Shape x_shape = channels_second(node, context.inputs[0].shape);
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

// Scratch for the sums of the channels; then for input and output as their shapes say.
void reserve(PlanContext& context, PoolPlan& plan, size_t sum_bytes) {
  plan.said_at = static_cast<size_t>(plan.shape.channels) * sum_bytes;
  context.scratch_bytes = plan.said_at;
  if (!says_channels_last(context.node)) return;
  for (const TensorInfo& info : {context.inputs[0], context.outputs[0]}) {
    context.scratch_bytes += static_cast<size_t>(element_count(info.shape));
  }
}

OpState plan_average(PlanContext& context) {
  const std::shared_ptr<PoolPlan> plan = common_plan(context);
  const Shape x = channels_second(context.node, context.inputs[0].shape);
  plan->shape.window = make_window(read_window(context.node, x.size() - 2), x);
  const bool padded = std::ranges::any_of(
      plan->shape.window.axes, [](const WindowAxis& axis) { return axis.pad + axis.pad_end != 0; });
  plan->count_padding = padded && context.node.int_attribute("count_include_pad", 0) != 0;
  reserve(context, *plan, 0);
  return plan;
}

OpState plan_global(PlanContext& context) {
  const std::shared_ptr<PoolPlan> plan = common_plan(context);
  const Shape x = channels_second(context.node, context.inputs[0].shape);
  plan->shape.window.axes[2].in = element_count(std::span(x).subspan(2));
  reserve(context, *plan, sizeof(int32_t));
  return plan;
}

// Taps inside input and pads of the output pixel `at`.
int64_t padded_taps(const Window& window, int64_t at) {
  const auto padded = [](WindowAxis axis, int64_t out) {
    axis.in += axis.pad + axis.pad_end;
    axis.pad = 0;
    return taps_inside(axis, out).count();
  };
  const auto& [depth, height, width] = window.axes;
  return padded(depth, at / width.out / height.out % depth.out) *
         padded(height, at / width.out % height.out) * padded(width, at % width.out);
}

void run_average(RunContext& context) {
  const auto& plan = context.plan_as<PoolPlan>();
  const auto run = select<AverageRowsInt8>()->run;
  auto* y = context.outputs[0].as<uint8_t>();
  AverageRunInt8 each;
  each.n = plan.shape.channels;
  each.is_signed = plan.is_signed;
  each.x_zero = plan.params.x_zero;
  each.x_scale = plan.params.x_scale;
  each.y_scale = plan.params.y_scale;
  each.out = plan.out;
  for_each_window(context.inputs[0].as<uint8_t>(), plan.shape, [&](const WindowRun& window) {
    AverageRunInt8 call = each;
    call.rows = window.taps;
    call.count = window.count;
    call.divisor = static_cast<float>(std::max<int64_t>(1, window.count));
    call.pixels = window.pixels;
    if (plan.count_padding) call.pixels = 1;
    for (int64_t p = 0; p < window.pixels; p += call.pixels) {
      const int64_t pixel = window.pixel + p;
      if (plan.count_padding) {
        call.rows = window.taps + p * window.count;
        call.divisor =
            static_cast<float>(std::max<int64_t>(1, padded_taps(plan.shape.window, pixel)));
      }
      call.out.data = y + pixel * call.n;
      run(call);
    }
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

// Calls the run of channels-last pixels, whatever the shapes say.
template <void (*run)(RunContext&)>
void run_pool(RunContext& context) {
  if (!says_channels_last(context.node)) return run(context);
  std::vector<TensorView> inputs(context.inputs.begin(), context.inputs.end());
  inputs[0].layout = Layout::kPlain;
  inputs[0].data = context.scratch + context.plan_as<PoolPlan>().said_at;
  convert_layout(context.inputs[0], inputs[0]);
  TensorView output = context.outputs[0];
  output.layout = Layout::kPlain;
  output.data = inputs[0].as<uint8_t>() + inputs[0].size();
  RunContext said{context.node,   context.opset, inputs,          {&output, 1},
                  context.packed, context.plan,  context.scratch, context.host};
  run(said);
  convert_layout(output, context.outputs[0]);
}

void infer_average(InferContext& context) {
  if (!context.dims(0) || context.dims(0)->size() < 3) {
    return context.set_output(0, context.dtype(0), std::nullopt);
  }
  const Dims input = channels_second(context.node, *context.dims(0));
  const WindowSpec spec = read_window(context.node, input.size() - 2);
  Dims dims = channels_as_said(context.node, window_output_dims(spec, input, input[1]));
  context.set_output(0, context.dtype(0), std::optional(std::move(dims)));
}

void infer_global(InferContext& context) {
  std::optional<Dims> dims = context.dims(0);
  const size_t first = says_channels_last(context.node) ? 1 : 2;
  for (size_t i = 2; dims && i < dims->size(); ++i) (*dims)[first + i - 2] = Dim{1, {}};
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
                .run = run_pool<run_average>,
                .needs_constant = needs_parameters};
  OpDef global = average;
  global.op_type = "QLinearGlobalAveragePool";
  global.infer = infer_global;
  global.plan = plan_global;
  global.run = run_pool<run_global>;
  return {std::move(average), std::move(global)};
}

}  // namespace eightfold
