// QuantizeLinear, DequantizeLinear and their initializers (see convert_pairs.h).
#include "quant/convert_pairs.h"

#include <algorithm>

#include "core/error.h"
#include "core/nibble.h"

namespace eightfold {
namespace {

template <typename T>
void store(Tensor& tensor, std::span<const int32_t> values, QRange range) {
  std::span<T> out = tensor.mutable_data<T>();
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<T>(std::clamp<int64_t>(values[i], range.quant_min, range.quant_max));
  }
}

void store_nibbles(Tensor& tensor, std::span<const int32_t> values, QRange range) {
  void* out = tensor.mutable_raw();
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const int64_t value = values[static_cast<size_t>(i)];
    append_nibble(out, i,
                  static_cast<int32_t>(std::clamp(value, range.quant_min, range.quant_max)));
  }
}

ValueType typed_like(const Value& value, DType dtype) { return {dtype, value.type.dims, {}}; }

}  // namespace

Tensor integer_tensor(DType dtype, Shape shape, std::span<const int32_t> values) {
  Tensor tensor = Tensor::allocate(dtype, std::move(shape));
  const QRange range = full_range(dtype);
  switch (dtype) {
    case DType::kUint8: store<uint8_t>(tensor, values, range); break;
    case DType::kInt8: store<int8_t>(tensor, values, range); break;
    case DType::kUint16: store<uint16_t>(tensor, values, range); break;
    case DType::kInt16: store<int16_t>(tensor, values, range); break;
    case DType::kInt32: store<int32_t>(tensor, values, range); break;
    case DType::kUint4:
    case DType::kInt4: store_nibbles(tensor, values, range); break;
    default:
      throw Error(ErrorCode::kInvalidType,
                  "cannot store quantized values as " + std::string(dtype_name(dtype)),
                  "use uint8, int8, uint4 or int4");
  }
  return tensor;
}

QParamValues add_qparams(Graph& graph, std::string_view base, const QParams& qparams) {
  Shape shape;
  if (qparams.per_channel()) shape.push_back(static_cast<int64_t>(qparams.scale.size()));
  const std::string prefix(base);
  QParamValues values;
  values.scale = graph.add_initializer(prefix + "_scale", Tensor::of<float>(shape, qparams.scale));
  values.zero_point = graph.add_initializer(
      prefix + "_zero_point", integer_tensor(qparams.dtype, shape, qparams.zero_point));
  return values;
}

NodeId place_node(Graph& graph, Place place, Node node, std::vector<ValueId> inputs,
                  std::vector<ValueId> outputs) {
  if (place.after != kNone) {
    return graph.insert_after(place.after, std::move(node), std::move(inputs), std::move(outputs));
  }
  if (place.before == kNone && !graph.nodes().empty()) place.before = graph.nodes().front();
  if (place.before == kNone) {
    return graph.add_node(std::move(node), std::move(inputs), std::move(outputs));
  }
  return graph.insert_before(place.before, std::move(node), std::move(inputs), std::move(outputs));
}

ValueId add_quantize(Graph& graph, Place place, ValueId value, QParamValues params, DType dtype,
                     std::string_view base) {
  const ValueId quantized =
      graph.add_value(std::string(base) + "_quantized", typed_like(graph.value(value), dtype));
  Node node;
  node.op_type = "QuantizeLinear";
  node.name = std::string(base) + "_QuantizeLinear";
  place_node(graph, place, std::move(node), {value, params.scale, params.zero_point}, {quantized});
  return quantized;
}

NodeId add_dequantize(Graph& graph, Place place, ValueId quantized, QParamValues params, int axis,
                      ValueId output, std::string_view base) {
  Node node;
  node.op_type = "DequantizeLinear";
  node.name = std::string(base) + "_DequantizeLinear";
  if (axis >= 0) node.set_attribute("axis", int64_t{axis});
  std::vector<ValueId> inputs{quantized, params.scale};
  if (params.zero_point != kNone) inputs.push_back(params.zero_point);
  return place_node(graph, place, std::move(node), std::move(inputs), {output});
}

ValueId add_range_clip(Graph& graph, Place place, ValueId x, const QParams& qparams,
                       std::string_view base) {
  const std::string prefix(base);
  const auto bound = [&](const char* name, int64_t q) {
    const float real = dequantize(static_cast<int32_t>(q), qparams.scale[0], qparams.zero_point[0]);
    return graph.add_initializer(prefix + name, Tensor::scalar(real));
  };
  const ValueId lo = bound("_lowest", qparams.quant_min), hi = bound("_highest", qparams.quant_max);
  const ValueId clipped =
      graph.add_value(graph.unique_name(prefix + "_in_range"), graph.value(x).type);
  Node node;
  node.op_type = "Clip";
  node.name = prefix + "_Clip";
  place_node(graph, place, std::move(node), {x, lo, hi}, {clipped});
  return clipped;
}

void drop_unused_constants(Graph& graph) {
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    Value& value = graph.value(id);
    if (!value.is_constant() || !value.uses().empty() || graph.is_output(id)) continue;
    value.initializer.reset();
    std::erase(graph.inputs, id);
  }
}

}  // namespace eightfold
