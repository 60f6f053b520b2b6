// Matching values of two graphs by name (see compare_values.h).
#include "quant/compare_values.h"

#include <algorithm>
#include <array>
#include <string>

#include "ops/cast.h"
#include "quant/lower_operands.h"

namespace eightfold {
namespace {

std::optional<ValueParams> read_params(const Graph& graph, ValueId scale, ValueId zero_point) {
  const Tensor* s = graph.constant(scale);
  const Tensor* z = graph.constant(zero_point);
  if (!s || s->size() != 1 || s->dtype() != DType::kFloat32) return std::nullopt;
  return ValueParams{s->data<float>()[0], z && z->size() == 1 ? integers_of(*z)[0] : 0};
}

// Of an operator with places: where that of output 0 stands.
std::optional<size_t> place_scale_index(const Node& node) {
  for (const OpDef* def : all_ops()) {
    if (!def->places || def->quantized.op_type != node.op_type) continue;
    size_t at = 0;
    for (const PlaceOperand& operand : def->places->integers.operands) {
      const bool is_place = operand.kind == PlaceOperand::kPlace;
      if (is_place && def->places->places[operand.index].output == 0) return at;
      at += is_place ? 2 : 1;
    }
  }
  return std::nullopt;
}

// Where the output's scale stands among the inputs of an int8 operator; its zero point follows.
std::optional<size_t> output_scale_index(const Node& node) {
  switch (int8_operands(node)) {
    case QuantizedOperands::kUnary: return 3;
    case QuantizedOperands::kBinary: return 6;
    case QuantizedOperands::kConv: return 6;
    case QuantizedOperands::kConvAdd: return 6;
    case QuantizedOperands::kGemm: return 7;
    case QuantizedOperands::kVariadic: return 0;
    case QuantizedOperands::kPlaces: return place_scale_index(node);
    default: return std::nullopt;
  }
}

bool is_int8(const Graph& graph, ValueId id) {
  return id != kNone && is_quantized_int8(graph.value(id).type.dtype);
}

std::optional<ValueParams> params_of_output(const Graph& graph, const Node& node,
                                            const std::vector<std::optional<ValueParams>>& known) {
  if (is_quantize(node)) return read_params(graph, node.input(1), node.input(2));
  if (const auto index = output_scale_index(node)) {
    return read_params(graph, node.input(*index), node.input(*index + 1));
  }
  for (ValueId input : node.inputs()) {
    if (is_int8(graph, input) && known[static_cast<size_t>(input)]) {
      return known[static_cast<size_t>(input)];
    }
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 5> kSuffixes{
    "_quantized", "_dequantized", "_QuantizeLinear_Output", "_DequantizeLinear_Output", ""};

// What a matched value must be: computed, and either float or integers of known scale.
std::optional<ValuePair> counterpart(const Graph& quantized, std::string_view name,
                                     const std::vector<std::optional<ValueParams>>& params) {
  for (std::string_view suffix : kSuffixes) {
    const ValueId id = quantized.find_value(std::string(name) + std::string(suffix));
    if (id == kNone || quantized.value(id).producer() == kNone) continue;
    const DType dtype = quantized.value(id).type.dtype;
    const auto& known = params[static_cast<size_t>(id)];
    if (is_quantized_int8(dtype) && known) return ValuePair{kNone, id, known, kNone};
    if (is_float(dtype)) return ValuePair{kNone, id, std::nullopt, kNone};
  }
  return std::nullopt;
}

template <typename T>
void read_plain(const TensorView& view, ValueParams params, std::vector<float>& out) {
  const T* data = view.as<const T>();
  const auto value = [&](int64_t i) {
    return (static_cast<float>(data[i]) - static_cast<float>(params.zero_point)) * params.scale;
  };
  if (view.layout == Layout::kPlain || view.rank() < 3) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = value(static_cast<int64_t>(i));
    return;
  }
  const int64_t samples = view.shape[0], channels = view.shape[1];
  const int64_t pixels = view.size() / std::max<int64_t>(samples * channels, 1);
  size_t at = 0;
  for (int64_t n = 0; n < samples; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t p = 0; p < pixels; ++p) out[at++] = value((n * pixels + p) * channels + c);
    }
  }
}

}  // namespace

std::vector<std::optional<ValueParams>> value_params(const Graph& graph) {
  std::vector<std::optional<ValueParams>> params(static_cast<size_t>(graph.value_count()));
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    if (is_dequantize(node) && !graph.constant(node.input(0))) {
      auto& source = params[static_cast<size_t>(node.input(0))];
      if (!source) source = read_params(graph, node.input(1), node.input(2));
    }
    for (ValueId output : node.outputs()) {
      if (is_int8(graph, output)) {
        params[static_cast<size_t>(output)] = params_of_output(graph, node, params);
      }
    }
  }
  return params;
}

std::vector<ValuePair> match_values(const Graph& reference, const Graph& quantized) {
  Graph typed = quantized;
  infer_types(typed);
  const auto params = value_params(typed);
  std::vector<ValuePair> pairs;
  for (NodeId id : reference.nodes()) {
    for (ValueId output : reference.node(id).outputs()) {
      if (output == kNone) continue;
      const DType dtype = reference.value(output).type.dtype;
      if (!is_float(dtype) && dtype != DType::kUndefined) continue;
      auto pair = counterpart(typed, reference.value(output).name, params);
      if (!pair) continue;
      pair->reference = output;
      pair->node = id;
      pairs.push_back(*pair);
    }
  }
  return pairs;
}

std::vector<float> float_elements(const TensorView& view,
                                  const std::optional<ValueParams>& params) {
  std::vector<float> out(static_cast<size_t>(view.size()));
  const ValueParams used = params.value_or(ValueParams{});
  switch (view.dtype) {
    case DType::kFloat32: read_plain<float>(view, {}, out); break;
    case DType::kUint8: read_plain<uint8_t>(view, used, out); break;
    case DType::kInt8: read_plain<int8_t>(view, used, out); break;
    default: {  // other float types; anything else has no elements to compare
      std::vector<float> wide(out.size());
      const TensorView cast{DType::kFloat32, view.layout, view.shape, wide.data()};
      if (!is_float(view.dtype) || !cast_elements(view, cast)) wide.clear();
      if (wide.empty()) out.clear();
      read_plain<float>(cast, {}, out);
    }
  }
  return out;
}

}  // namespace eightfold
