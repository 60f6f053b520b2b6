// See convert_modes.h.
#include "quant/convert_modes.h"

#include "ops/half.h"
#include "quant/convert_pairs.h"

namespace eightfold {
namespace {

constexpr int32_t kToUnsigned = 128;

Tensor as_half(const Tensor& weight) {
  Tensor half = Tensor::allocate(DType::kFloat16, weight.shape());
  const auto from = weight.data<float>();
  auto* to = static_cast<uint16_t*>(half.mutable_raw());
  for (size_t i = 0; i < from.size(); ++i) to[i] = float_to_half(from[i]);
  return half;
}

}  // namespace

void store_weight_as_half(Graph& graph, NodeId id, int weight_input) {
  const auto input = static_cast<size_t>(weight_input);
  const ValueId weight = graph.node(id).input(input);
  const std::string name = graph.value(weight).name;
  // Nodes that share the weight share its float16 form.
  const ValueId known = graph.find_value(name + "_float16_as_float");
  if (known != kNone) return graph.set_input(id, input, known);
  const ValueId half = graph.add_initializer(name + "_float16", as_half(*graph.constant(weight)));
  const ValueId output = graph.add_value(name + "_float16_as_float", graph.value(weight).type);
  Node cast;
  cast.op_type = "Cast";
  cast.name = name + "_Cast";
  cast.set_attribute("to", static_cast<int64_t>(DType::kFloat32));
  place_node(graph, {}, std::move(cast), {half}, {output});
  graph.set_input(id, input, output);
}

void quantize_dynamically(Graph& graph, NodeId id, DynamicInputs& known) {
  const ValueId x = graph.node(id).input(0);
  auto [entry, fresh] = known.try_emplace(x, kNone);
  if (fresh) {
    const std::string name = graph.value(x).name;
    const auto& dims = graph.value(x).type.dims;
    const ValueId q =
        graph.add_value(graph.unique_name(name + "_quantized"), {DType::kUint8, dims, {}});
    const ValueId scale =
        graph.add_value(graph.unique_name(name + "_scale"), {DType::kFloat32, Dims{}, {}});
    const ValueId zero =
        graph.add_value(graph.unique_name(name + "_zero_point"), {DType::kUint8, Dims{}, {}});
    Node quantize;
    quantize.op_type = "DynamicQuantizeLinear";
    quantize.name = name + "_DynamicQuantizeLinear";
    const NodeId made = place_node(graph, {.after = graph.value(x).producer()}, std::move(quantize),
                                   {x}, {q, scale, zero});
    entry->second = graph.add_value(graph.unique_name(name + "_dequantized"), graph.value(x).type);
    add_dequantize(graph, {.after = made}, q, {scale, zero}, -1, entry->second, name);
  }
  graph.set_input(id, 0, entry->second);
}

void prefer_unsigned_weight(const Node& node, QParams& qparams) {
  if (node.op_type != "Conv" || qparams.dtype != DType::kInt8) return;
  qparams.dtype = DType::kUint8;
  for (int32_t& zero : qparams.zero_point) zero += kToUnsigned;
  qparams.quant_min += kToUnsigned;
  qparams.quant_max += kToUnsigned;
}

}  // namespace eightfold
