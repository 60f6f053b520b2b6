// Conv, ConvTranspose and their fused forms in the eightfold domain: inference, packing, planning.
// The arithmetic is in kernels/conv_f32.cpp. Source: ONNX Conv, ConvTranspose.
//
//   Conv:          W [O, C / groups, spatial...]   y[o] = B[o] + sum over window of x * w
//   ConvTranspose: W [C, O / groups, spatial...]   x[i] adds to y[i * stride + tap * dilation -
//   pad]
//   eightfold:ConvAdd (X, W, B, Z):                y = activation(conv(X, W) + B + Z), Z like y
#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>

#include "core/lanes.h"
#include "kernels/float.h"
#include "ops/activation_attribute.h"
#include "ops/families.h"
#include "ops/spatial.h"

namespace eightfold {
namespace {

// What Conv and ConvTranspose do differently.
struct Form {
  size_t (*packed_floats)(const ConvWeightsShape&);
  void (*pack)(const ConvWeightsShape&, const float*, const float*, float*);
  size_t (*scratch_floats)(const ConvWeightsShape&, const ConvShape&);
  void (*run)(const ConvWeightsShape&, const float*, const ConvShape&, const float*, float*,
              ClampF32, float*);
};
constexpr Form kConv{packed_conv_f32, pack_conv_f32, conv_scratch_f32, conv_f32};
constexpr Form kTranspose{packed_conv_transpose_f32, pack_conv_transpose_f32,
                          conv_transpose_scratch_f32, conv_transpose_f32};
constexpr Form kTurned{packed_conv_f32, pack_turned_conv_f32, conv_scratch_f32, conv_f32};

bool is_transpose(const Node& node) { return node.op_type == "ConvTranspose"; }
const Form& form_of(const Node& node) {
  if (!is_transpose(node)) return kConv;
  const bool strides = std::ranges::any_of(node.ints_attribute("strides"),
                                           [](int64_t stride) { return stride > 1; });
  return strides ? kTranspose : kTurned;
}

std::span<const int64_t> kernel_of(std::span<const int64_t> weight) { return weight.subspan(2); }

int64_t read_groups(const Node& node) {
  const int64_t groups = node.int_attribute("group", 1);
  if (groups < 1) {
    throw Error(ErrorCode::kInvalidAttribute, "group is " + std::to_string(groups));
  }
  return groups;
}

// Channels of a weight of rank >= 3 and its groups. Throws kInvalidShape.
ConvWeightsShape weights_shape(const Node& node, std::span<const int64_t> weight) {
  if (weight.size() < 3) {
    throw Error(ErrorCode::kInvalidShape, "the weight has shape " + shape_text(weight));
  }
  const int64_t groups = read_groups(node);
  if (weight[0] % groups != 0) {
    throw Error(ErrorCode::kInvalidShape, "a weight of shape " + shape_text(weight) + " in " +
                                              std::to_string(groups) + " groups");
  }
  const auto kernel = kernel_of(weight);
  ConvWeightsShape shape;
  shape.groups = groups;
  shape.group_in = is_transpose(node) ? weight[0] / groups : weight[1];
  shape.group_out = is_transpose(node) ? weight[1] : weight[0] / groups;
  shape.taps = std::accumulate(kernel.begin(), kernel.end(), int64_t{1}, std::multiplies<>());
  return shape;
}

// The residual of ConvAdd.
constexpr size_t kResidual = 3;
bool adds_residual(const Node& node) { return node.op_type == "ConvAdd"; }

// ---------------------------------------------------------------- infer
Dim output_channels(const InferContext& context, const std::optional<Dims>& weight) {
  if (!weight || weight->size() < 3) return {};
  if (!is_transpose(context.node)) return (*weight)[0];
  const Dim& per_group = (*weight)[1];
  return per_group.known() ? Dim{per_group.value * read_groups(context.node), {}} : Dim{};
}

void infer_conv(InferContext& context) {
  const auto& input = context.dims(0);
  const auto& weight = context.dims(1);
  if (!input) return context.set_output(0, context.dtype(0), std::nullopt);
  Shape kernel;  // of the weight; empty while it is not known
  if (const auto shape = known_shape(context.input(1)); shape && shape->size() > 2) {
    kernel.assign(shape->begin() + 2, shape->end());
  }
  const size_t rank = input->size() < 2 ? 0 : input->size() - 2;
  if (kernel.empty() && !context.node.has_attribute("kernel_shape")) {
    Dims dims(input->size());
    if (!dims.empty()) dims[0] = (*input)[0];
    return context.set_output(0, context.dtype(0), dims);
  }
  const WindowSpec spec = read_window(context.node, rank, kernel);
  const Dim channels = output_channels(context, weight);
  context.set_output(0, context.dtype(0),
                     is_transpose(context.node)
                         ? transposed_output_dims(context.node, spec, *input, channels)
                         : window_output_dims(spec, *input, channels));
}

// ---------------------------------------------------------------- pack
OpState pack_conv(const PackContext& context) {
  const Tensor* weight = context.constant(1);
  const Tensor* bias = context.constant(2);
  const bool has_bias = context.node.input(2) != kNone;
  if (!weight || (has_bias && !bias)) return nullptr;
  if (weight->dtype() != DType::kFloat32 || (bias && bias->dtype() != DType::kFloat32)) {
    return nullptr;  // plan says why
  }
  const ConvWeightsShape shape = weights_shape(context.node, weight->shape());
  if (bias && bias->size() != shape.groups * shape.group_out) return nullptr;
  const Form& form = form_of(context.node);
  auto packed = Buffer::allocate(form.packed_floats(shape) * sizeof(float));
  form.pack(shape, weight->data<float>().data(), bias ? bias->data<float>().data() : nullptr,
            reinterpret_cast<float*>(packed->data()));
  return packed;
}

// ---------------------------------------------------------------- plan
struct ConvPlan {
  ConvWeightsShape weights;
  ConvShape shape;
  FusedActivation activation;
  std::vector<float> slopes;  // of PRelu
  size_t packed_floats = 0;   // at the start of the scratch, when the weights are not constant
};

void check_operands(const PlanContext& context, const ConvWeightsShape& weights) {
  const auto& inputs = context.inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].present() && inputs[i].dtype != DType::kFloat32) {
      context.fail(ErrorCode::kInvalidType, "input " + std::to_string(i) + " is " +
                                                std::string(dtype_name(inputs[i].dtype)) +
                                                ", expected float32");
    }
  }
  const Shape& x = inputs[0].shape;
  if (x.size() != inputs[1].shape.size() || x[1] != weights.groups * weights.group_in) {
    context.fail(ErrorCode::kInvalidShape,
                 "input " + shape_text(x) + " and weight " + shape_text(inputs[1].shape) + " in " +
                     std::to_string(weights.groups) + " groups do not fit");
  }
  if (context.has_input(2) &&
      element_count(inputs[2].shape) != weights.groups * weights.group_out) {
    context.fail(ErrorCode::kInvalidShape, "bias " + shape_text(inputs[2].shape) + " for " +
                                               std::to_string(weights.groups * weights.group_out) +
                                               " output channels");
  }
}

void check_residual(const PlanContext& context) {
  if (context.has_input(kResidual) && context.inputs[kResidual].shape == context.outputs[0].shape) {
    return;
  }
  context.fail(ErrorCode::kInvalidShape,
               "a residual of shape " +
                   (context.has_input(kResidual) ? shape_text(context.inputs[kResidual].shape)
                                                 : std::string("none")) +
                   " for an output of shape " + shape_text(context.outputs[0].shape));
}

OpState plan_conv(PlanContext& context) {
  const Shape& x = context.inputs[0].shape;
  const Shape& weight = context.inputs[1].shape;
  auto plan = std::make_shared<ConvPlan>();
  plan->weights = weights_shape(context.node, weight);
  check_operands(context, plan->weights);
  const WindowSpec spec = read_window(context.node, x.size() - 2, kernel_of(weight));
  plan->shape = {x[0], x[1], plan->weights.groups * plan->weights.group_out,
                 is_transpose(context.node) ? make_transposed_window(context.node, spec, x)
                                            : make_window(spec, x)};
  const Form& form = form_of(context.node);
  if (&form == &kTurned) plan->shape.window = turned_window(plan->shape.window);
  plan->activation = read_activation(context.node);
  if (plan->activation.kind == FusedActivation::Kind::kPRelu) {
    plan->slopes = plan->activation.slopes_of(plan->shape.out_channels);
  }
  if (adds_residual(context.node)) check_residual(context);
  if (!context.packed) plan->packed_floats = form.packed_floats(plan->weights);
  context.scratch_bytes =
      (plan->packed_floats + form.scratch_floats(plan->weights, plan->shape)) * sizeof(float);
  return plan;
}

// ---------------------------------------------------------------- run
void add_residual(const float* z, int64_t count, float* y) {
  map_lanes(y, 1, z, 1, y, count, [](Lanes a, Lanes b) { return a + b; });
}

void run_conv(RunContext& context) {
  const auto& plan = context.plan_as<ConvPlan>();
  const Form& form = form_of(context.node);
  auto* scratch = reinterpret_cast<float*>(context.scratch);
  const float* packed = scratch;
  if (context.packed) {
    packed = reinterpret_cast<const float*>(context.packed_as<Buffer>().data());
  } else {
    const float* bias = context.has_input(2) ? context.inputs[2].as<float>() : nullptr;
    form.pack(plan.weights, context.inputs[1].as<float>(), bias, scratch);
  }
  float* y = context.outputs[0].as<float>();
  const int64_t count = context.outputs[0].size();
  const bool adds = adds_residual(context.node);
  const bool clamps = plan.activation.is_clamp() && !adds;
  form.run(plan.weights, packed, plan.shape, context.inputs[0].as<float>(), y,
           clamps ? ClampF32{plan.activation.min, plan.activation.max} : ClampF32{},
           scratch + plan.packed_floats);
  if (adds) add_residual(context.inputs[kResidual].as<float>(), count, y);
  if (!plan.slopes.empty()) return apply_slopes(plan.slopes, y, count);
  if (!clamps) apply_activation(plan.activation, y, count);
}

// ---------------------------------------------------------------- counting
int64_t product(std::span<const int64_t> values) {
  return std::accumulate(values.begin(), values.end(), int64_t{1}, std::multiplies<>());
}
int64_t conv_macs(const Node&, std::span<const Shape> inputs, std::span<const Shape> outputs) {
  return product(outputs[0]) * product(std::span(inputs[1]).subspan(1));
}
int64_t transpose_macs(const Node&, std::span<const Shape> inputs, std::span<const Shape>) {
  return product(inputs[0]) * product(std::span(inputs[1]).subspan(1));
}
int conv_weight_axis(const Node&) { return 0; }
int transpose_weight_axis(const Node&) { return 1; }

OpDef conv_row(std::string_view domain, std::string_view quantized_domain) {
  return {.domain = domain,
          .op_type = "Conv",
          .inputs = {Role::kActivation, Role::kWeight, Role::kBias},
          .layout = LayoutRule::kChannelsLast,
          .infer = infer_conv,
          .pack = pack_conv,
          .plan = plan_conv,
          .run = run_conv,
          .quantized = {QuantizedOperands::kConv, quantized_domain, "QLinearConv"},
          .packs_weights = true,
          .weight_axis = conv_weight_axis,
          .macs = conv_macs};
}

OpDef residual_row() {
  OpDef row = conv_row(kEightfoldDomain, kEightfoldDomain);
  row.op_type = "ConvAdd";
  row.inputs = {Role::kActivation, Role::kWeight, Role::kBias, Role::kActivation};
  row.quantized = {QuantizedOperands::kConvAdd, kEightfoldDomain, "QLinearConvAdd"};
  return row;
}

OpDef transpose_row(std::string_view domain) {
  OpDef row = conv_row(domain, "");
  row.op_type = "ConvTranspose";
  row.quantized.domain = kEightfoldDomain;
  row.quantized.op_type = "QLinearConvTranspose";
  row.weight_axis = transpose_weight_axis;
  row.macs = transpose_macs;
  return row;
}

}  // namespace

std::vector<OpDef> conv_ops() {
  return {conv_row("", ""), conv_row(kEightfoldDomain, kEightfoldDomain), transpose_row(""),
          transpose_row(kEightfoldDomain), residual_row()};
}

}  // namespace eightfold
