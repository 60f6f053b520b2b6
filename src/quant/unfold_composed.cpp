// See unfold_composed.h. Nodes are rewritten in place: they keep their names and attributes.
#include "quant/unfold_composed.h"

#include <algorithm>

#include "quant/convert_pairs.h"
#include "quant/convert_weights.h"
#include "quant/lower_operands.h"
#include "quant/unfold.h"

namespace eightfold {
namespace {

constexpr std::string_view kActivation = "activation";
constexpr std::string_view kIntegerPrefix = "QLinear";

// ---- float
// The node becomes Conv; what it adds, and then clamps, is a node of its own.
std::vector<NodeId> split_residual(Graph& graph, NodeId id) {
  std::vector<ValueId> inputs(graph.node(id).inputs().begin(), graph.node(id).inputs().end());
  const ValueId residual = inputs.at(3);
  inputs.resize(inputs[2] == kNone ? 2 : 3);
  const ValueId output = graph.node(id).output(0);
  const ValueId sum = split_output(graph, id, "_conv");
  graph.set_inputs(id, std::move(inputs));
  Node& conv = graph.node(id);
  conv.op_type = "Conv";
  Node add;
  add.name = conv.name + "_Add";
  add.domain = std::string(kEightfoldDomain);
  add.op_type = "Add";
  const std::vector<Attribute> attributes = std::move(conv.attributes);
  conv.attributes.clear();
  for (const Attribute& attribute : attributes) {
    Node& owner = attribute.name.starts_with(kActivation) ? add : conv;
    owner.attributes.push_back(attribute);
  }
  return {id, graph.insert_after(id, std::move(add), {sum, residual}, {output})};
}

// ---- integers
// The three inputs of an int8 operator from `first` on, as one float value before the node.
ValueId dequantized(Graph& graph, NodeId id, size_t first, int axis) {
  const Node& node = graph.node(id);
  const ValueId data = node.input(first), scale = node.input(first + 1);
  const QParamValues params{scale, node.input(first + 2)};
  const Tensor* scales = graph.constant(scale);
  const bool per_channel = scales && scales->size() > 1;
  const std::string name = graph.value(data).name;
  const ValueId output = graph.add_value(graph.unique_name(name + "_dequantized"),
                                         {DType::kFloat32, graph.value(data).type.dims, {}});
  add_dequantize(graph, {.before = id}, data, params, per_channel ? axis : -1, output, name);
  return output;
}

// An int32 bias has the scale of the sums, and no zero point.
ValueId dequantized_bias(Graph& graph, NodeId id, ValueId bias, size_t x_scale, size_t w_scale) {
  if (bias == kNone) return kNone;
  const float alpha = graph.node(id).float_attribute("alpha", 1.0f);  // of Gemm
  const float x = alpha * graph.constant(graph.node(id).input(x_scale))->data<float>()[0];
  QParams weight;
  for (float scale : graph.constant(graph.node(id).input(w_scale))->data<float>()) {
    weight.scale.push_back(scale);
  }
  std::vector<float> scales = bias_scales(x, weight);
  const auto size = static_cast<size_t>(graph.constant(bias)->size());
  // A transposed convolution's weight has the channels of one group.
  for (size_t i = 0; scales.size() > 1 && scales.size() < size; ++i) scales.push_back(scales[i]);
  const bool per_channel = scales.size() > 1;
  const Shape shape = per_channel ? Shape{static_cast<int64_t>(scales.size())} : Shape{};
  const std::string name = graph.value(bias).name;
  QParamValues params;
  params.scale =
      graph.add_initializer(graph.unique_name(name + "_scale"), Tensor::of<float>(shape, scales));
  const ValueId output = graph.add_value(graph.unique_name(name + "_dequantized"),
                                         {DType::kFloat32, graph.value(bias).type.dims, {}});
  add_dequantize(graph, {.before = id}, bias, params, per_channel ? 0 : -1, output, name);
  return output;
}

// The node writes floats; its integers come from a QuantizeLinear after it.
NodeId quantize_output(Graph& graph, NodeId id, ValueId scale, ValueId zero_point) {
  const ValueId output = graph.node(id).output(0);
  const ValueId inner = split_output(graph, id, "_float");
  graph.value(inner).type.dtype = DType::kFloat32;
  Node quantize;
  quantize.name = graph.node(id).name + "_QuantizeLinear";
  quantize.op_type = "QuantizeLinear";
  return graph.insert_after(id, std::move(quantize), {inner, scale, zero_point}, {output});
}

// clamp_min and clamp_max of a node, taken off it.
struct IntegerBounds {
  int64_t lo, hi;
  QRange full;
};
IntegerBounds take_bounds(Graph& graph, NodeId id, DType dtype) {
  Node& node = graph.node(id);
  const QRange full = full_range(dtype);
  const IntegerBounds bounds{
      std::max(full.quant_min, node.int_attribute(kClampMin, full.quant_min)),
      std::min(full.quant_max, node.int_attribute(kClampMax, full.quant_max)), full};
  node.remove_attribute(kClampMin);
  node.remove_attribute(kClampMax);
  return bounds;
}

// The float clamp that quantizes to these bounds, as a fused activation.
void set_clamp(Node& node, const IntegerBounds& bounds, float scale, int32_t zero_point) {
  const bool below = bounds.lo > bounds.full.quant_min, above = bounds.hi < bounds.full.quant_max;
  if (!below && !above) return;
  const bool is_relu = bounds.lo == zero_point && !above;
  node.set_attribute(std::string(kActivation), std::string(is_relu ? "Relu" : "Clip"));
  if (is_relu) return;
  const auto bound = [&](int64_t q) {
    return dequantize(static_cast<int32_t>(q), scale, zero_point);
  };
  if (below) node.set_attribute("activation_min", bound(bounds.lo));
  if (above) node.set_attribute("activation_max", bound(bounds.hi));
}

// What the bounds keep of a QuantizeLinear's range.
void clip_after(Graph& graph, NodeId quantize, const IntegerBounds& bounds) {
  if (bounds.lo <= bounds.full.quant_min && bounds.hi >= bounds.full.quant_max) return;
  const ValueId output = graph.node(quantize).output(0);
  const ValueId inner = split_output(graph, quantize, "_unclamped");
  add_integer_clip(graph, quantize, inner, output, bounds.lo, bounds.hi);
}

std::vector<NodeId> split_integer_residual(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const ValueId y_scale = node.input(6), y_zero = node.input(7), bias = node.input(8);
  const Tensor zero = *graph.constant(y_zero);
  const IntegerBounds bounds = take_bounds(graph, id, zero.dtype());
  const ValueId x = dequantized(graph, id, 0, -1), w = dequantized(graph, id, 3, 0);
  const ValueId b = dequantized_bias(graph, id, bias, 1, 4), z = dequantized(graph, id, 9, -1);
  graph.set_inputs(id, {x, w, b, z});
  graph.node(id).op_type = "ConvAdd";
  set_clamp(graph.node(id), bounds, graph.constant(y_scale)->data<float>()[0],
            integers_of(zero)[0]);
  quantize_output(graph, id, y_scale, y_zero);
  return {id};
}

std::vector<NodeId> split_integer_gemm(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const ValueId y_scale = node.input(7), y_zero = node.input(8), c = node.input(6);
  const int axis = node.int_attribute("transB", 0) != 0 ? 0 : 1;
  const ValueId a = dequantized(graph, id, 0, -1), b = dequantized(graph, id, 3, axis);
  std::vector<ValueId> inputs{a, b};
  if (c != kNone) inputs.push_back(dequantized_bias(graph, id, c, 1, 4));
  graph.set_inputs(id, std::move(inputs));
  graph.node(id).op_type = "Gemm";
  if (y_zero == kNone) return {id};
  const IntegerBounds bounds = take_bounds(graph, id, graph.constant(y_zero)->dtype());
  const NodeId quantize = quantize_output(graph, id, y_scale, y_zero);
  clip_after(graph, quantize, bounds);
  return {id};
}

std::vector<NodeId> split_integer_conv(Graph& graph, NodeId id, int weight_axis) {
  const Node& node = graph.node(id);
  const ValueId y_scale = node.input(6), y_zero = node.input(7), bias = node.input(8);
  const IntegerBounds bounds = take_bounds(graph, id, graph.constant(y_zero)->dtype());
  std::vector<ValueId> inputs{dequantized(graph, id, 0, -1),
                              dequantized(graph, id, 3, weight_axis)};
  if (bias != kNone) inputs.push_back(dequantized_bias(graph, id, bias, 1, 4));
  graph.set_inputs(id, std::move(inputs));
  Node& conv = graph.node(id);
  conv.op_type = conv.op_type.substr(kIntegerPrefix.size());
  clip_after(graph, quantize_output(graph, id, y_scale, y_zero), bounds);
  return {id};
}

// QLinear<Op> of qlinear_float.cpp: dequantize, Op, quantize.
std::vector<NodeId> split_integer_float(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const ValueId y_scale = node.input(3), y_zero = node.input(4);
  const IntegerBounds bounds = take_bounds(graph, id, graph.constant(y_zero)->dtype());
  std::vector<ValueId> inputs{dequantized(graph, id, 0, -1)};
  const auto parameters = graph.node(id).inputs().subspan(5);
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  graph.set_inputs(id, std::move(inputs));
  Node& op = graph.node(id);
  op.domain.clear();
  op.op_type = op.op_type.substr(kIntegerPrefix.size());
  const NodeId quantize = quantize_output(graph, id, y_scale, y_zero);
  clip_after(graph, quantize, bounds);
  return {id};
}

}  // namespace

std::vector<NodeId> split_composed(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op_type == "ConvAdd") return split_residual(graph, id);
  if (node.op_type == "QLinearConvAdd") return split_integer_residual(graph, id);
  if (node.op_type == "QLinearConvTranspose") return split_integer_conv(graph, id, 1);
  if (node.op_type.starts_with(kIntegerPrefix) && !plain_domain(graph, node.op_type)) {
    return split_integer_float(graph, id);
  }
  const bool acts = !node.string_attribute(kActivation, "").empty();
  if (node.op_type == "QGemm" && acts) return split_integer_gemm(graph, id);
  if (node.op_type == "QLinearConv" && acts) return split_integer_conv(graph, id, 0);
  return {};
}

}  // namespace eightfold
