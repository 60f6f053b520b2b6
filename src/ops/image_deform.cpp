// DeformConv (19, 22; two spatial axes) and Col2Im (18). Source: ONNX.
//
//   DeformConv: y[o] = B[o] + sum over taps of w * mask[tap] * x(position of the tap + offset[tap])
//               x between the pixels is bilinear, 0 outside
//   Col2Im:     x [N, C * taps, L]: column l adds to y at the positions of window l
#include <cmath>

#include "ops/image_rows.h"
#include "ops/shape_rows.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

// ---------------------------------------------------------------- DeformConv
enum Input : size_t { kX, kW, kOffset, kBias, kMask };

struct DeformPlan {
  Window window;
  int64_t groups = 1, offset_groups = 1;
};

WindowSpec deform_window(const Node& node, const Shape& weight) {
  return read_window(node, 2, std::span(weight).subspan(2));
}

OpState plan_deform(PlanContext& context) {
  check_floats(context, 5);
  const auto& in = context.inputs;
  const Shape &x = in[kX].shape, &w = in[kW].shape, &offset = in[kOffset].shape;
  check_shapes(context, x.size() == 4 && w.size() == 4 && offset.size() == 4);
  auto plan = std::make_shared<DeformPlan>();
  plan->groups = context.node.int_attribute("group", 1);
  plan->offset_groups = context.node.int_attribute("offset_group", 1);
  plan->window = make_window(deform_window(context.node, w), x);
  const int64_t points = plan->offset_groups * plan->window.taps();
  const Shape& y = context.outputs[0].shape;
  check_shapes(context, plan->groups > 0 && plan->offset_groups > 0 &&
                            x[1] == w[1] * plan->groups && w[0] % plan->groups == 0 &&
                            x[1] % plan->offset_groups == 0 &&
                            offset == Shape{x[0], 2 * points, y[2], y[3]});
  check_shapes(context, !context.has_input(kBias) || in[kBias].shape == Shape{w[0]});
  check_shapes(context,
               !context.has_input(kMask) || in[kMask].shape == Shape{x[0], points, y[2], y[3]});
  context.scratch_bytes = static_cast<size_t>(x[1] * plan->window.taps()) * sizeof(float);
  return plan;
}

void infer_deform(InferContext& context) {
  const auto& x = context.dims(kX);
  const auto w = known_shape(context.input(kW));
  if (!x || !w) return context.set_output(0, context.dtype(kX), std::nullopt);
  if (x->size() != 4 || w->size() != 4) {
    context.fail(ErrorCode::kUnsupportedModel, "only two spatial axes are supported");
  }
  context.set_output(0, context.dtype(kX),
                     window_output_dims(deform_window(context.node, *w), *x, Dim{(*w)[0], {}}));
}

float bilinear(const float* plane, const Window& window, float y, float x) {
  const int64_t height = window.height().in, width = window.width().in;
  if (!(y > -1 && x > -1 && y < static_cast<float>(height) && x < static_cast<float>(width))) {
    return 0;
  }
  const float top = std::floor(y), left = std::floor(x);
  const float weights[2][2] = {{top + 1 - y, y - top}, {left + 1 - x, x - left}};
  float sum = 0;
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t row = static_cast<int64_t>(top) + i / 2,
                  column = static_cast<int64_t>(left) + i % 2;
    if (row < 0 || column < 0 || row >= height || column >= width) continue;
    sum += weights[0][i / 2] * weights[1][i % 2] * plane[row * width + column];
  }
  return sum;
}

// The taps of all channels under one output pixel: columns[channel * taps + tap].
void gather_columns(const RunContext& context, const DeformPlan& plan, int64_t image, int64_t pixel,
                    float* columns) {
  const Window& window = plan.window;
  const int64_t channels = context.inputs[kX].shape[1], taps = window.taps();
  const int64_t out = window.out_size(), points = plan.offset_groups * taps;
  const float* x = context.inputs[kX].as<float>() + image * channels * window.in_size();
  const float* offset = context.inputs[kOffset].as<float>() + image * 2 * points * out + pixel;
  const float* mask = context.has_input(kMask)
                          ? context.inputs[kMask].as<float>() + image * points * out + pixel
                          : nullptr;
  const int64_t row = pixel / window.width().out, column = pixel % window.width().out;
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t group = c / (channels / plan.offset_groups);
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t point = group * taps + t;
      const int64_t h = input_position(window.height(), row, t / window.width().kernel);
      const int64_t w = input_position(window.width(), column, t % window.width().kernel);
      const float value = bilinear(x + c * window.in_size(), window,
                                   static_cast<float>(h) + offset[2 * point * out],
                                   static_cast<float>(w) + offset[(2 * point + 1) * out]);
      columns[c * taps + t] = mask ? value * mask[point * out] : value;
    }
  }
}

void run_deform(RunContext& context) {
  const auto& plan = context.plan_as<DeformPlan>();
  const Shape& y = context.outputs[0].shape;
  const float* weights = context.inputs[kW].as<float>();
  const float* bias = context.has_input(kBias) ? context.inputs[kBias].as<float>() : nullptr;
  auto* columns = reinterpret_cast<float*>(context.scratch);
  const int64_t k = context.inputs[kW].shape[1] * plan.window.taps();
  const int64_t per_group = y[1] / plan.groups, pixels = y[2] * y[3];
  for (int64_t n = 0; n < y[0]; ++n) {
    float* out = context.outputs[0].as<float>() + n * y[1] * pixels;
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      gather_columns(context, plan, n, pixel, columns);
      for (int64_t o = 0; o < y[1]; ++o) {
        const float* a = columns + o / per_group * k;
        float sum = bias ? bias[o] : 0;
        for (int64_t i = 0; i < k; ++i) sum += a[i] * weights[o * k + i];
        out[o * pixels + pixel] = sum;
      }
    }
  }
}

// ---------------------------------------------------------------- Col2Im
void infer_columns(InferContext& context) {
  const auto image = context.constant_ints(1), block = context.constant_ints(2);
  if (!image || !block) return context.set_output(0, context.dtype(0), std::nullopt);
  Dim channels = dim_of(context, 0, 1);
  const int64_t taps = product(*block, 0, block->size());
  channels = channels.known() && taps > 0 ? Dim{channels.value / taps, {}} : Dim{};
  Dims dims{dim_of(context, 0, 0), channels};
  for (int64_t extent : *image) {
    if (extent < 0) context.fail(ErrorCode::kInvalidShape, "image_shape has a negative entry");
    dims.push_back(Dim{extent, {}});
  }
  context.set_output(0, context.dtype(0), std::move(dims));
}

OpState plan_columns(PlanContext& context) {
  check_floats(context, 1);
  const Shape &x = context.inputs[0].shape, &y = context.outputs[0].shape;
  const Shape block = integers(context.constant(2));
  auto window =
      std::make_shared<Window>(make_window(read_window(context.node, y.size() - 2, block), y));
  check_shapes(context,
               x.size() == 3 && x[1] == y[1] * window->taps() && x[2] == window->out_size());
  return window;
}

void run_columns(RunContext& context) {
  const auto& window = context.plan_as<Window>();
  const float* x = context.inputs[0].as<float>();
  float* y = context.outputs[0].as<float>();
  const auto& [depth, height, width] = window.axes;
  std::fill_n(y, context.outputs[0].size(), 0.0f);
  const int64_t planes = context.outputs[0].shape[0] * context.outputs[0].shape[1];
  for (int64_t plane = 0; plane < planes; ++plane, y += window.in_size()) {
    for (int64_t t = 0; t < window.taps(); ++t) {
      for (int64_t l = 0; l < window.out_size(); ++l, ++x) {
        const int64_t w = input_position(width, l % width.out, t % width.kernel);
        const int64_t h =
            input_position(height, l / width.out % height.out, t / width.kernel % height.kernel);
        const int64_t d =
            input_position(depth, l / width.out / height.out, t / width.kernel / height.kernel);
        const bool inside =
            w >= 0 && h >= 0 && d >= 0 && w < width.in && h < height.in && d < depth.in;
        if (inside) y[(d * height.in + h) * width.in + w] += *x;
      }
    }
  }
}

}  // namespace

void add_deform_rows(std::vector<OpDef>& rows) {
  rows.push_back({.domain = "",
                  .op_type = "DeformConv",
                  .since = 19,
                  .inputs = {Role::kActivation, Role::kParameter},
                  .infer = infer_deform,
                  .plan = plan_deform,
                  .run = run_deform});
  rows.push_back({.domain = "",
                  .op_type = "Col2Im",
                  .since = 18,
                  .inputs = {Role::kActivation, Role::kShape},
                  .infer = infer_columns,
                  .plan = plan_columns,
                  .run = run_columns});
}

}  // namespace eightfold
