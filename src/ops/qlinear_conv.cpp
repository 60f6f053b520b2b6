// QLinearConv, ConvInteger and eightfold:QLinearConvAdd on channels-last pixels.
// Source: ONNX QLinearConv, ConvInteger.
//
//   acc[o] = bias[o] + sum over window of (x - zx) * (w[o] - zw[o])
//   ConvInteger:     y = acc
//   QLinearConv:     y = clamp(round_half_even(acc * (sx * sw[o] / sy)) + zy)
//                    eightfold:QLinearConv may carry LeakyRelu or PRelu (activation_attribute.h):
//                    where acc < 0, acc * (sx * sw[o] / sy) * slope[o]
//   QLinearConvAdd:  y = clamp(round_half_even(r) + zy), z shaped like y, in float32 without fma
//                    r = float(acc) * (sx * sw[o] / sy) + float(z - zz) * (sz / sy)
// One group per channel runs on the depthwise kernel, everything else and all residuals on the
// dense one.
#include <memory>
#include <optional>

#include "kernels/int8.h"
#include "kernels/int8_lines.h"
#include "ops/activation_attribute.h"
#include "ops/qlinear_rows.h"
#include "ops/quantized_operands.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

// Where each operator keeps its operands.
struct Form {
  size_t weight, weight_zero, input_zero, bias, residual;
  bool requantizes;
  bool adds() const { return residual != kAbsent; }
  static constexpr size_t kAbsent = 99;
};
constexpr Form kQLinear{3, 5, 2, 8, Form::kAbsent, true};
constexpr Form kAdding{3, 5, 2, 8, 9, true};
constexpr Form kInteger{1, 3, 2, Form::kAbsent, Form::kAbsent, false};
const Form& form_of(const Node& node) {
  if (node.op_type == "ConvInteger") return kInteger;
  return node.op_type == "QLinearConvAdd" ? kAdding : kQLinear;
}

struct PackedConv {
  std::vector<PackedDense> groups;
  std::optional<PackedDepthwise> depthwise;
  int32_t input_zero = 0;  // of QLinearConv; ConvInteger reads its own when it runs
  Int8Output out;
  std::vector<float> slopes;
  int64_t in_channels = 0, out_channels = 0;
  int32_t residual_zero = 0;
  float residual_scale = 0;  // sz / sy
};

// The weights [O, C / groups, spatial...] with their parameters, one entry per output channel.
struct ConvWeights {
  const Tensor& weight;
  int64_t groups, out_channels, group_channels, taps;
  std::vector<int32_t> zero_point, bias;
  std::vector<float> scale;
  ActivationRange activations;
  bool is_signed() const { return weight.dtype() == DType::kInt8; }
  const uint8_t* data() const { return static_cast<const uint8_t*>(weight.raw()); }
};

template <typename T>
std::span<const T> part(const std::vector<T>& values, int64_t first, int64_t count) {
  if (values.empty()) return {};
  return std::span(values).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
}

// How many pieces the rows of the kernel come in (see DenseWeights); 0: windows are gathered.
int64_t pieces_of(const Node& node, const ConvWeights& conv) {
  const Shape& shape = conv.weight.shape();
  const auto dilations = node.ints_attribute("dilations");
  if (conv.groups > 1 || shape.size() > 4 || conv.taps == 1) return 0;
  if (std::ranges::any_of(dilations, [](int64_t d) { return d != 1; })) return 0;
  return suits_lines(conv.out_channels) ? conv.taps / shape.back() : 0;
}

std::vector<PackedDense> pack_groups(const ConvWeights& conv, int64_t pieces) {
  std::vector<PackedDense> groups;
  const int64_t columns = conv.out_channels / conv.groups;
  for (int64_t g = 0; g < conv.groups; ++g) {
    DenseWeights dense;
    dense.outer = conv.taps;
    dense.inner = conv.group_channels;
    dense.n = columns;
    dense.outer_stride = 1;
    dense.inner_stride = conv.taps;
    dense.n_stride = conv.taps * conv.group_channels;
    dense.data = conv.data() + g * columns * dense.n_stride;
    dense.is_signed = conv.is_signed();
    dense.zero_point = part(conv.zero_point, g * columns, columns);
    dense.bias = part(conv.bias, g * columns, columns);
    dense.scale = part(conv.scale, g * columns, columns);
    dense.activations = conv.activations;
    dense.pieces = pieces;
    groups.push_back(pack_dense(dense));
  }
  return groups;
}

PackedDepthwise pack_channels(const ConvWeights& conv) {
  DepthwiseWeights depthwise;
  depthwise.data = conv.data();
  depthwise.is_signed = conv.is_signed();
  depthwise.channels = conv.out_channels;
  depthwise.taps = conv.taps;
  depthwise.zero_point = conv.zero_point;
  depthwise.bias = conv.bias;
  depthwise.scale = conv.scale;
  depthwise.activations = conv.activations;
  return pack_depthwise(depthwise, conv.weight.shape().back());
}

std::vector<int32_t> weight_zeros(const PackContext& context, const Form& form, int64_t channels) {
  const Tensor* zero = context.constant(form.weight_zero);
  if (!zero) {
    if (context.node.input(form.weight_zero) == kNone) return {};
    context.fail(ErrorCode::kUnsupportedModel, "the weight's zero point is not a constant");
  }
  const std::vector<int32_t> zeros = spread(integers_of(*zero), channels, "the weight zero point");
  for (int32_t z : zeros) {
    if (z != 0) return zeros;
  }
  return {};
}

void read_requantization(const PackContext& context, ConvWeights& conv, PackedConv& packed) {
  const Node& node = context.node;
  const OperandQParams x = read_tensor_qparams(node, context.constants, 1, 2);
  const OperandQParams w = read_qparams(node, context.constants, 4, 5);
  const OperandQParams y = read_tensor_qparams(node, context.constants, 6, 7);
  for (float scale : spread(w.scale, conv.out_channels, "the weight scale")) {
    conv.scale.push_back(x.tensor_scale() * scale / y.tensor_scale());
  }
  packed.input_zero = x.tensor_zero();
  conv.activations = activations_of(context, 0, x);
  packed.out = output_of(node, y.dtype, y.tensor_zero());
  packed.slopes = read_activation(node).slopes_of(conv.out_channels);
  if (!packed.slopes.empty()) {
    packed.slopes.resize(packed.slopes.size() + kSlopePadding);
    packed.out.slopes = packed.slopes.data();
  }
  if (form_of(node).adds()) {
    const OperandQParams z = read_tensor_qparams(node, context.constants, 10, 11);
    packed.residual_zero = z.tensor_zero();
    packed.residual_scale = z.tensor_scale() / y.tensor_scale();
  }
  if (node.input(8) == kNone) return;
  const Tensor* bias = context.constant(8);
  if (!bias) context.fail(ErrorCode::kUnsupportedModel, "the bias is not a constant");
  conv.bias = integers_of(*bias);
  if (static_cast<int64_t>(conv.bias.size()) != conv.out_channels) {
    context.fail(ErrorCode::kInvalidShape, "a bias of " + shape_text(bias->shape()) + " for " +
                                               std::to_string(conv.out_channels) + " channels");
  }
}

OpState pack_conv(const PackContext& context) {
  const Form& form = form_of(context.node);
  const Tensor* weight = context.constant(form.weight);
  if (!weight) {
    context.fail(ErrorCode::kUnsupportedModel, "the weight is not a constant",
                 "int8 convolutions need their weight as an initializer");
  }
  const Shape& shape = weight->shape();
  const int64_t groups = context.node.int_attribute("group", 1);
  if (!is_quantized_int8(weight->dtype())) {
    context.fail(ErrorCode::kInvalidType,
                 "a weight of type " + std::string(dtype_name(weight->dtype())));
  }
  if (shape.size() < 3 || groups < 1 || shape[0] % groups != 0) {
    context.fail(ErrorCode::kInvalidShape, "a weight of shape " + shape_text(shape) + " in " +
                                               std::to_string(groups) + " groups");
  }
  const int64_t taps = element_count(std::span(shape).subspan(2));
  ConvWeights conv{*weight, groups, shape[0], shape[1], taps, weight_zeros(context, form, shape[0]),
                   {},      {},     {}};
  auto packed = std::make_shared<PackedConv>();
  packed->out.dtype = DType::kInt32;
  packed->in_channels = groups * shape[1];
  packed->out_channels = shape[0];
  if (form.requantizes) read_requantization(context, conv, *packed);
  if (form.requantizes && !form.adds() && groups > 1 && shape[1] == 1) {
    packed->depthwise = pack_channels(conv);
  } else {
    packed->groups = pack_groups(conv, pieces_of(context.node, conv));
  }
  return packed;
}

struct ConvPlan {
  ConvShape shape;
  bool is_signed;
  bool residual_signed = false;
};

void check_residual(const PlanContext& context, size_t residual) {
  if (context.has_input(residual) && context.inputs[residual].shape == context.outputs[0].shape) {
    return;
  }
  context.fail(ErrorCode::kInvalidShape,
               "the residual is not of the output's shape " + shape_text(context.outputs[0].shape));
}

OpState plan_conv(PlanContext& context) {
  const Form& form = form_of(context.node);
  if (!context.packed) context.fail(ErrorCode::kInternal, "an int8 convolution was not packed");
  const auto& packed = *static_cast<const PackedConv*>(context.packed);
  const Shape& x = context.inputs[0].shape;
  const Shape& weight = context.inputs[form.weight].shape;
  if (x.size() != weight.size() || x[1] != packed.in_channels) {
    context.fail(ErrorCode::kInvalidShape,
                 "input " + shape_text(x) + " and weight " + shape_text(weight) + " do not fit");
  }
  const WindowSpec spec =
      read_window(context.node, x.size() - 2, std::span<const int64_t>(weight).subspan(2));
  auto plan = std::make_shared<ConvPlan>();
  plan->shape = {x[0], x[1], packed.out_channels, make_window(spec, x)};
  plan->is_signed = is_signed_input(context, 0);
  if (form.adds()) {
    check_residual(context, form.residual);
    plan->residual_signed = is_signed_input(context, form.residual);
    context.scratch_bytes = residual_scratch_bytes(packed.groups, plan->shape);
  } else if (packed.depthwise) {
    context.scratch_bytes = depthwise_scratch_bytes(*packed.depthwise, plan->shape.window);
  } else {
    context.scratch_bytes = conv_scratch_bytes(packed.groups, plan->shape);
  }
  return plan;
}

void run_conv(RunContext& context) {
  const auto& packed = context.packed_as<PackedConv>();
  const auto& plan = context.plan_as<ConvPlan>();
  Int8Input input{context.inputs[0].data, plan.is_signed, packed.input_zero};
  if (!form_of(context.node).requantizes && context.has_input(2)) {
    input.zero_point =
        plan.is_signed ? *context.inputs[2].as<int8_t>() : *context.inputs[2].as<uint8_t>();
  }
  Int8Output out = packed.out;
  out.data = context.outputs[0].data;
  if (const Form& form = form_of(context.node); form.adds()) {
    const Int8Input z{context.inputs[form.residual].data, plan.residual_signed,
                      packed.residual_zero};
    conv_residual_int8(packed.groups, input, {z, packed.residual_scale}, out, plan.shape,
                       context.scratch);
  } else if (packed.depthwise) {
    depthwise_int8(*packed.depthwise, input, out, plan.shape, context.scratch);
  } else {
    conv_int8(packed.groups, input, out, plan.shape, context.scratch);
  }
}

void infer_conv(InferContext& context) {
  const Form& form = form_of(context.node);
  const DType dtype = !form.requantizes                       ? DType::kInt32
                      : context.dtype(7) != DType::kUndefined ? context.dtype(7)
                                                              : context.dtype(0);
  const auto& input = context.dims(0);
  const auto& weight = context.dims(form.weight);
  if (!input) return context.set_output(0, dtype, std::nullopt);
  Shape kernel;
  if (const auto shape = known_shape(context.input(form.weight)); shape && shape->size() > 2) {
    kernel.assign(shape->begin() + 2, shape->end());
  }
  if (input->size() < 3 || (kernel.empty() && !context.node.has_attribute("kernel_shape"))) {
    return context.set_output(0, dtype, std::nullopt);
  }
  const WindowSpec spec = read_window(context.node, input->size() - 2, kernel);
  const Dim channels = weight && !weight->empty() ? (*weight)[0] : Dim{};
  context.set_output(0, dtype, window_output_dims(spec, *input, channels));
}

int64_t conv_macs(const Node& node, std::span<const Shape> inputs, std::span<const Shape> outputs) {
  const Shape& weight = inputs[form_of(node).weight];
  return element_count(outputs[0]) * element_count(std::span(weight).subspan(1));
}

int weight_axis(const Node&) { return 0; }

}  // namespace

std::vector<OpDef> qlinear_conv_rows() {
  const OpDef integer{.domain = "",
                      .op_type = "ConvInteger",
                      .since = 10,
                      .inputs = {Role::kActivation, Role::kWeight, Role::kParameter},
                      .layout = LayoutRule::kChannelsLast,
                      .infer = infer_conv,
                      .pack = pack_conv,
                      .plan = plan_conv,
                      .run = run_conv,
                      .needs_constant = [](size_t i) { return i == 1 || i == 3; },
                      .packs_weights = true,
                      .weight_axis = weight_axis,
                      .macs = conv_macs};
  OpDef qlinear = integer;
  qlinear.op_type = "QLinearConv";
  qlinear.needs_constant = [](size_t i) { return i != 0 && i != kAdding.residual; };
  qlinear.inputs = {Role::kActivation, Role::kParameter, Role::kParameter,
                    Role::kWeight,     Role::kParameter, Role::kParameter,
                    Role::kParameter,  Role::kParameter, Role::kBias};
  std::vector<OpDef> rows = with_twin(qlinear);
  rows.push_back(integer);
  OpDef adding = qlinear;
  adding.domain = kEightfoldDomain;
  adding.op_type = "QLinearConvAdd";
  adding.since = 1;
  adding.inputs = {Role::kActivation, Role::kParameter,  Role::kParameter, Role::kWeight,
                   Role::kParameter,  Role::kParameter,  Role::kParameter, Role::kParameter,
                   Role::kBias,       Role::kActivation, Role::kParameter, Role::kParameter};
  rows.push_back(adding);
  return rows;
}

}  // namespace eightfold
