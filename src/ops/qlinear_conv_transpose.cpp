// eightfold:QLinearConvTranspose, with QLinearConv's operands; ONNX has no such operator.
//
//   acc[o] = bias[o] + sum over taps and input channels of (x - zx) * (w - zw)
//   y = clamp(round_half_even(acc * (sx * sw[o] / sy)) + zy)
// Weights are [C, O / groups, spatial...], their parameters one per O / groups or one for all.
#include <algorithm>
#include <memory>

#include "core/aligned.h"
#include "kernels/int8.h"
#include "kernels/layout.h"
#include "kernels/scatter_columns.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

constexpr int64_t kBlock = 32;  // input pixels whose products are made at once

struct PackedTransposed {
  std::vector<PackedDense> groups;  // columns are (tap, output channel of the group)
  std::vector<int32_t> bias;        // per output channel
  std::vector<float> scale;
  int32_t input_zero = 0;
  int64_t group_in = 0, group_out = 0, columns = 0;
  Int8Output out;
};

template <typename T>
std::vector<T> repeated(const std::vector<T>& values, int64_t times) {
  std::vector<T> all;
  for (int64_t i = 0; i < times; ++i) all.insert(all.end(), values.begin(), values.end());
  return all;
}

OpState pack_transposed(const PackContext& context) {
  const Node& node = context.node;
  const Tensor *weight = context.constant(3), *bias = context.constant(8);
  const int64_t groups = node.int_attribute("group", 1);
  if (!weight || (node.input(8) != kNone && !bias)) {
    context.fail(ErrorCode::kUnsupportedModel, "the weight or the bias is not a constant");
  }
  const Shape& shape = weight->shape();
  if (shape.size() < 3 || groups < 1 || shape[0] % groups != 0 ||
      !is_quantized_int8(weight->dtype())) {
    context.fail(ErrorCode::kInvalidShape, "a weight of shape " + shape_text(shape) + " in " +
                                               std::to_string(groups) + " groups");
  }
  const OperandQParams x = read_tensor_qparams(node, context.constants, 1, 2);
  const OperandQParams w = read_qparams(node, context.constants, 4, 5);
  const OperandQParams y = read_tensor_qparams(node, context.constants, 6, 7);
  const int64_t taps = element_count(std::span(shape).subspan(2));
  auto packed = std::make_shared<PackedTransposed>();
  packed->group_in = shape[0] / groups;
  packed->group_out = shape[1];
  packed->columns = taps * shape[1];
  packed->input_zero = x.tensor_zero();
  packed->out = output_of(node, y.dtype, y.tensor_zero());
  for (float scale : repeated(spread(w.scale, shape[1], "the weight scale"), groups)) {
    packed->scale.push_back(x.tensor_scale() * scale / y.tensor_scale());
  }
  packed->bias = bias ? integers_of(*bias) : std::vector<int32_t>(packed->scale.size());
  if (packed->bias.size() != packed->scale.size()) {
    context.fail(ErrorCode::kInvalidShape, "a bias of " + shape_text(bias->shape()));
  }
  const std::vector<int32_t> zeros =
      repeated(spread(w.zero_point, shape[1], "the weight zero point"), taps);
  std::vector<uint8_t> ordered(static_cast<size_t>(packed->group_in * packed->columns));
  const auto* from = static_cast<const uint8_t*>(weight->raw());
  for (int64_t g = 0; g < groups; ++g, from += ordered.size()) {
    transpose_images(from, ordered.data(), packed->group_in, shape[1], taps, 1);
    DenseWeights dense;
    dense.data = ordered.data();
    dense.is_signed = weight->dtype() == DType::kInt8;
    dense.inner = packed->group_in;
    dense.n = packed->columns;
    dense.inner_stride = packed->columns;
    dense.n_stride = 1;
    dense.zero_point = zeros;
    packed->groups.push_back(pack_dense(dense));
  }
  return packed;
}

struct TransposedPlan {
  ConvShape shape;
  bool is_signed = false;
  size_t columns_at = 0, sums_at = 0;  // in the scratch
};

WindowSpec window_of(const Node& node, const Shape& weight) {
  return read_window(node, weight.size() - 2, std::span(weight).subspan(2));
}

OpState plan_transposed(PlanContext& context) {
  if (!context.packed) context.fail(ErrorCode::kInternal, "an int8 convolution was not packed");
  const auto& packed = *static_cast<const PackedTransposed*>(context.packed);
  const Shape &x = context.inputs[0].shape, &weight = context.inputs[3].shape;
  if (x.size() != weight.size() || x[1] != weight[0]) {
    context.fail(ErrorCode::kInvalidShape,
                 "input " + shape_text(x) + " and weight " + shape_text(weight) + " do not fit");
  }
  auto plan = std::make_shared<TransposedPlan>();
  plan->shape = {x[0], x[1], static_cast<int64_t>(packed.scale.size()),
                 make_transposed_window(context.node, window_of(context.node, weight), x)};
  plan->is_signed = is_signed_input(context, 0);
  plan->columns_at = aligned(dense_scratch_bytes(packed.groups));
  plan->sums_at =
      plan->columns_at + aligned(static_cast<size_t>(kBlock * packed.columns) * sizeof(int32_t));
  context.scratch_bytes =
      plan->sums_at + static_cast<size_t>(plan->shape.window.in_size() * plan->shape.out_channels) *
                          sizeof(int32_t);
  return plan;
}

void run_transposed(RunContext& context) {
  const auto& packed = context.packed_as<PackedTransposed>();
  const auto& plan = context.plan_as<TransposedPlan>();
  const ConvShape& shape = plan.shape;
  const int64_t pixels = shape.window.out_size(), out_pixels = shape.window.in_size();
  auto* columns = reinterpret_cast<int32_t*>(context.scratch + plan.columns_at);
  auto* sums = reinterpret_cast<int32_t*>(context.scratch + plan.sums_at);
  const auto* x = context.inputs[0].as<uint8_t>();
  auto* y = context.outputs[0].as<uint8_t>();
  const Int8Output products{columns, DType::kInt32, 0, 0, 0};
  for (int64_t n = 0; n < shape.batch; ++n, x += pixels * shape.in_channels) {
    for (int64_t i = 0; i < out_pixels; ++i) {
      std::ranges::copy(packed.bias, sums + i * shape.out_channels);
    }
    for (size_t g = 0; g < packed.groups.size(); ++g) {
      const auto group = static_cast<int64_t>(g);
      for (int64_t first = 0; first < pixels; first += kBlock) {
        const int64_t count = std::min(kBlock, pixels - first);
        const Int8Input input{x + first * shape.in_channels + group * packed.group_in,
                              plan.is_signed, packed.input_zero};
        dense_rows(packed.groups[g], input, products, {count, shape.in_channels, packed.columns},
                   context.scratch);
        for (int64_t i = 0; i < count; ++i) {
          scatter_columns(shape.window, first + i, columns + i * packed.columns, packed.group_out,
                          shape.out_channels, sums + group * packed.group_out);
        }
      }
    }
    for (int64_t i = 0; i < out_pixels; ++i) {
      for (size_t o = 0; o < packed.scale.size(); ++o) {
        const int32_t acc = sums[i * shape.out_channels + static_cast<int64_t>(o)];
        *y++ = static_cast<uint8_t>(requantize_int8(acc, packed.scale[o], packed.out));
      }
    }
  }
}

void infer_transposed(InferContext& context) {
  const DType dtype = context.dtype(7) == DType::kUndefined ? context.dtype(0) : context.dtype(7);
  const auto weight = known_shape(context.input(3));
  const auto& x = context.dims(0);
  if (!x || !weight || weight->size() < 3) return context.set_output(0, dtype, std::nullopt);
  const int64_t channels = (*weight)[1] * context.node.int_attribute("group", 1);
  context.set_output(0, dtype,
                     transposed_output_dims(context.node, window_of(context.node, *weight), *x,
                                            Dim{channels, {}}));
}

}  // namespace

std::vector<OpDef> qlinear_conv_transpose_rows() {
  return {{.domain = kEightfoldDomain,
           .op_type = "QLinearConvTranspose",
           .inputs = {Role::kActivation, Role::kParameter, Role::kParameter, Role::kWeight,
                      Role::kParameter, Role::kParameter, Role::kParameter, Role::kParameter,
                      Role::kBias},
           .layout = LayoutRule::kChannelsLast,
           .infer = infer_transposed,
           .pack = pack_transposed,
           .plan = plan_transposed,
           .run = run_transposed,
           .weight_axis = [](const Node&) { return 1; },
           .macs =
               [](const Node&, std::span<const Shape> inputs, std::span<const Shape>) {
                 return element_count(inputs[0]) * element_count(std::span(inputs[3]).subspan(1));
               }}};
}

}  // namespace eightfold
