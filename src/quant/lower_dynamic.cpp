// See lower_dynamic.h. Source: ONNX MatMulInteger, ConvInteger, DynamicQuantizeLinear.
#include "quant/lower_dynamic.h"

#include <cmath>
#include <optional>
#include <vector>

#include "core/qparams.h"
#include "ops/op.h"
#include "quant/convert_pairs.h"
#include "quant/lower_operands.h"
#include "quant/unfold.h"
#include "runtime/session.h"

namespace eightfold {
namespace {

const Node* dynamic_quantize_of(const Graph& graph, ValueId value) {
  const Node* dequantize = value == kNone ? nullptr : graph.producer(value);
  if (dequantize == nullptr || !is_dequantize(*dequantize)) return nullptr;
  const Node* producer = graph.producer(dequantize->input(0));
  return producer != nullptr && producer->is("DynamicQuantizeLinear") ? producer : nullptr;
}

// Writes a chain of nodes in front of `place`, each reading what the one before made.
class Chain {
 public:
  Chain(Graph& graph, NodeId place, std::string base)
      : graph_(graph), place_(place), base_(std::move(base)) {}

  // The first node of a chain bears the name of the node that the chain stands for.
  ValueId add(const char* op, std::vector<ValueId> inputs, DType dtype,
              std::vector<Attribute> attributes = {}) {
    const std::string name = graph_.unique_name(base_ + "_" + op);
    const ValueId output = graph_.add_value(name, {dtype, std::nullopt, {}});
    Node node;
    node.op_type = op;
    node.name = is_first_ ? base_ : name;
    is_first_ = false;
    node.attributes = std::move(attributes);
    graph_.insert_before(place_, std::move(node), std::move(inputs), {output});
    return output;
  }
  ValueId cast(ValueId value) {
    return add("Cast", {value}, DType::kFloat32, {{"to", static_cast<int64_t>(DType::kFloat32)}});
  }
  ValueId constant(const char* what, Tensor tensor) {
    return graph_.add_initializer(graph_.unique_name(base_ + what), std::move(tensor));
  }

 private:
  Graph& graph_;
  NodeId place_;
  std::string base_;
  bool is_first_ = true;
};

// The last value of a chain takes the place of the node's output.
void take_over(Graph& graph, NodeId node, ValueId last) {
  const ValueId output = graph.node(node).output(0);
  const NodeId producer = graph.value(last).producer();
  graph.erase_node(node);
  graph.set_output(producer, 0, output);
}

// The integer weight [K, N] of a Gemm that takes it as [N, K].
ValueId transposed(Graph& graph, ValueId weight) {
  const Tensor& from = *graph.constant(weight);
  const int64_t n = from.shape()[0], k = from.shape()[1];
  Tensor to = Tensor::allocate(from.dtype(), {k, n});
  const auto* in = static_cast<const uint8_t*>(from.raw());
  auto* out = static_cast<uint8_t*>(to.mutable_raw());
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < k; ++j) out[j * n + i] = in[i * k + j];
  }
  return graph.add_initializer(graph.unique_name(graph.value(weight).name + "_transposed"),
                               std::move(to));
}

// A vector over the output channels, shaped to stand beside the accumulators.
Tensor beside_channels(const Tensor& vector, size_t spatial) {
  if (vector.size() == 1) return Tensor::scalar(vector.data<float>()[0]);
  Shape shape{vector.size()};
  shape.insert(shape.end(), spatial, 1);
  const auto data = vector.data<float>();
  return Tensor::of<float>(std::move(shape), std::vector<float>(data.begin(), data.end()));
}

struct Form {
  Operand weight;
  size_t spatial = 0;  // dimensions behind the channels of the accumulators
  bool is_conv = false, transposes = false;
};

std::optional<Form> form_of(Graph& graph, NodeId id, std::string* why) {
  const Node& node = graph.node(id);
  const OpDef* def = find_op(graph, node);
  const auto operands = def ? def->quantized.operands : QuantizedOperands::kNone;
  Form form;
  form.is_conv = operands == QuantizedOperands::kConv && node.op_type != "ConvTranspose";
  const bool is_matmul = operands == QuantizedOperands::kBinary && node.op_type == "MatMul";
  if (!form.is_conv && operands != QuantizedOperands::kGemm && !is_matmul) {
    *why = "the operator has no form with dynamic inputs";
    return std::nullopt;
  }
  const auto weight = dequantized_operand(graph, node.input(1));
  if (!weight || graph.constant(weight->data) == nullptr || !is_quantized_int8(weight->dtype)) {
    *why = "its weight is not quantized to 8 bits";
    return std::nullopt;
  }
  form.weight = *weight;
  const int64_t rank = graph.constant(weight->data)->rank();
  form.spatial = form.is_conv ? static_cast<size_t>(rank - 2) : 0;
  form.transposes = !form.is_conv && node.int_attribute("transB", 0) != 0;
  const bool plain = node.int_attribute("transA", 0) == 0 &&
                     node.float_attribute("alpha", 1.0f) == 1.0f &&
                     node.float_attribute("beta", 1.0f) == 1.0f;
  if (!plain) {
    *why = "it transposes or scales its input";
    return std::nullopt;
  }
  return form;
}

// The zero point as MatMulInteger and ConvInteger take it: one for all where all are equal.
ValueId shared_zero_point(Graph& graph, const Operand& weight) {
  const std::vector<int32_t> zeros = integers_of(*graph.constant(weight.zero_point));
  for (int32_t zero : zeros) {
    if (zero != zeros[0]) return weight.zero_point;
  }
  return graph.add_initializer(graph.unique_name(graph.value(weight.data).name + "_zero"),
                               integer_tensor(weight.dtype, {}, {zeros.data(), 1}));
}

std::vector<Attribute> window_attributes(const Node& node) {
  std::vector<Attribute> kept;
  for (const Attribute& attribute : node.attributes) {
    if (!attribute.name.starts_with("activation")) kept.push_back(attribute);
  }
  return kept;
}

}  // namespace

bool is_dynamic(const Graph& graph, NodeId id) {
  return dynamic_quantize_of(graph, graph.node(id).input(0)) != nullptr;
}

bool lower_dynamic(Graph& graph, NodeId id, std::string* why) {
  const auto form = form_of(graph, id, why);
  const auto clamp = fused_clamp(graph.node(id));
  if (form && !clamp) *why = "its fused activation is not a clamp";
  if (!form || !clamp) return false;
  const Node& quantize = *dynamic_quantize_of(graph, graph.node(id).input(0));
  const ValueId x = quantize.output(0), x_scale = quantize.output(1), x_zero = quantize.output(2);
  const ValueId bias = graph.node(id).input(2);
  Chain chain(graph, id, graph.node(id).name);

  const ValueId weight =
      form->transposes ? transposed(graph, form->weight.data) : form->weight.data;
  const ValueId w_zero = shared_zero_point(graph, form->weight);
  const ValueId acc = form->is_conv
                          ? chain.add("ConvInteger", {x, weight, x_zero, w_zero}, DType::kInt32,
                                      window_attributes(graph.node(id)))
                          : chain.add("MatMulInteger", {x, weight, x_zero, w_zero}, DType::kInt32);
  const Tensor scales = *graph.constant(form->weight.scale);
  const ValueId w_scale = chain.constant("_weight_scale", beside_channels(scales, form->spatial));
  const ValueId scale = chain.add("Mul", {x_scale, w_scale}, DType::kFloat32);
  ValueId last = chain.add("Mul", {chain.cast(acc), scale}, DType::kFloat32);
  if (bias != kNone) {
    const Tensor* constant = graph.constant(bias);
    const ValueId shaped = constant && form->is_conv
                               ? chain.constant("_bias", beside_channels(*constant, form->spatial))
                               : bias;
    last = chain.add("Add", {last, shaped}, DType::kFloat32);
  }
  if (*clamp != Clamp{}) {
    const auto bound = [&](const char* name, float value) {
      return std::isfinite(value) ? chain.constant(name, Tensor::scalar(value)) : kNone;
    };
    const bool is_relu = clamp->lo == 0 && std::isinf(clamp->hi);
    last = is_relu ? chain.add("Relu", {last}, DType::kFloat32)
                   : chain.add("Clip", {last, bound("_min", clamp->lo), bound("_max", clamp->hi)},
                               DType::kFloat32);
  }
  take_over(graph, id, last);
  return true;
}

bool lower_embedding(Graph& graph, NodeId id, std::string* why) {
  const Node& node = graph.node(id);
  const Node* dequantize = graph.producer(node.input(0));
  if (!node.is("Gather") || dequantize == nullptr || !is_dequantize(*dequantize)) return false;
  const ValueId table = dequantize->input(0), scale = dequantize->input(1);
  const ValueId zero = dequantize->input(2), indices = node.input(1);
  const Tensor* q = graph.constant(table);
  const Tensor* s = graph.constant(scale);
  const bool fits = q != nullptr && s != nullptr && q->rank() == 2 && s->rank() == 1 &&
                    node.int_attribute("axis", 0) == 0 &&
                    dequantize->int_attribute("axis", 1) == 0 && zero != kNone &&
                    graph.constant(zero) != nullptr;
  if (!fits) {
    *why = "its table is not quantized row by row";
    return false;
  }
  // Copies: adding values moves those of the graph.
  const Tensor row_scales = *s;
  const DType stored = q->dtype();
  // One column each, so that a gathered row has its scale beside it.
  const auto column = [&](const Tensor& vector) {
    Shape shape{vector.size(), 1};
    return vector.reshaped(std::move(shape));
  };
  std::vector<float> zeros;
  for (int32_t z : integers_of(*graph.constant(zero))) zeros.push_back(static_cast<float>(z));
  Chain chain(graph, id, node.name);
  const ValueId scales = chain.constant("_scales", column(row_scales));
  const ValueId offsets =
      chain.constant("_zero_points", Tensor::of<float>({row_scales.size(), 1}, zeros));
  const auto gather = [&](ValueId from, DType dtype) {
    return chain.add("Gather", {from, indices}, dtype);
  };
  const ValueId row = chain.cast(gather(table, stored));
  const ValueId centred =
      chain.add("Sub", {row, gather(offsets, DType::kFloat32)}, DType::kFloat32);
  const ValueId last =
      chain.add("Mul", {centred, gather(scales, DType::kFloat32)}, DType::kFloat32);
  take_over(graph, id, last);
  return true;
}

}  // namespace eightfold
