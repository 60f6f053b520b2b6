// See convert_places.h.
#include "quant/convert_places.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "quant/convert_weights.h"

namespace eightfold {
namespace {

// [D, N, K] -> [D, K, N]
Tensor columns_of(const Tensor& rows) {
  const int64_t d = rows.shape()[0], n = rows.shape()[1], k = rows.shape()[2];
  Tensor columns = Tensor::allocate(rows.dtype(), {d, k, n});
  const auto* from = static_cast<const uint8_t*>(rows.raw());
  auto* to = static_cast<uint8_t*>(columns.mutable_raw());
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t j = 0; j < k; ++j) to[(i * k + j) * n + row] = from[(i * n + row) * k + j];
    }
  }
  return columns;
}

// One per row of the weight, or one per direction.
template <typename T>
Tensor beside_rows(const Tensor& rows, const std::vector<T>& values, DType dtype) {
  const int64_t d = rows.shape()[0];
  std::vector<T> all = values;
  const bool single = values.size() == 1;
  if (single) all.resize(static_cast<size_t>(d), values[0]);
  Shape shape = single ? Shape{d} : Shape{d, rows.shape()[1]};
  if constexpr (std::is_same_v<T, float>) {
    return Tensor::of<float>(std::move(shape), all);
  } else {
    return integer_tensor(dtype, std::move(shape), all);
  }
}

// Calls for every element of a bias [D, N of both parts]: its part, its row of the part's weight.
template <typename F>
void for_each_bias(const Tensor& bias, F&& call) {
  const int64_t columns = bias.shape()[1] / 2;
  for (int64_t flat = 0; flat < bias.size(); ++flat) {
    const int64_t direction = flat / (2 * columns), at = flat % (2 * columns);
    call(static_cast<size_t>(flat), static_cast<size_t>(at / columns),
         static_cast<size_t>(direction * columns + at % columns));
  }
}

float scale_at(const std::vector<float>& scale, size_t row) {
  return scale[scale.size() == 1 ? 0 : row];
}

// The bias as int32.
Tensor place_bias(const Tensor& bias, const PlaceForm& form, const Graph& graph,
                  const PlacedParams& params) {
  std::vector<int32_t> q(static_cast<size_t>(bias.size()));
  const auto b = bias.data<float>();
  for_each_bias(bias, [&](size_t flat, size_t part, size_t row) {
    const BiasPart& of = form.bias[part];
    const ValueId place = params.places[static_cast<size_t>(of.place)].scale;
    const double scale =
        graph.constant(place)->data<float>()[0] * scale_at(params.weights.at(of.weight).scale, row);
    q[flat] = static_cast<int32_t>(
        std::clamp<double>(std::nearbyint(b[flat] / scale), INT32_MIN, INT32_MAX));
  });
  return integer_tensor(DType::kInt32, bias.shape(), q);
}

}  // namespace

PlacedWeight place_weight(const Tensor& weight, const QParams& qparams) {
  const Shape& shape = weight.shape();
  const Tensor rows = weight.reshaped({shape[0] * shape[1], shape[2]});
  return {quantize_weight(rows, qparams).reshaped(shape), qparams.scale, qparams.zero_point};
}

bool bias_fits(const Shape& bias, const Shape& weight) {
  return weight.size() == 3 && bias.size() == 2 && bias[0] == weight[0] && bias[1] == 2 * weight[1];
}

bool bias_fits(const Graph& graph, NodeId id, const PlaceForm& form) {
  for (const PlaceOperand& operand : form.integers.operands) {
    if (operand.kind != PlaceOperand::kBias) continue;
    const Tensor* bias = graph.constant(graph.node(id).input(operand.index));
    for (const BiasPart& part : form.bias) {
      const Tensor* weight = graph.constant(graph.node(id).input(static_cast<size_t>(part.weight)));
      if (!weight || weight->rank() != 3) return false;
      if (bias && !bias_fits(bias->shape(), weight->shape())) return false;
    }
  }
  return true;
}

int fit_bias(const Graph& graph, NodeId id, const PlaceForm& form,
             const std::vector<float>& place_scales, std::map<int, QParams>& weights) {
  int enlarged = 0;
  for (const PlaceOperand& operand : form.integers.operands) {
    const Tensor* bias = operand.kind == PlaceOperand::kBias
                             ? graph.constant(graph.node(id).input(operand.index))
                             : nullptr;
    if (!bias) continue;
    for (size_t p = 0; p < form.bias.size(); ++p) {
      std::vector<float> part;
      for_each_bias(*bias, [&](size_t flat, size_t of, size_t) {
        if (of == p) part.push_back(bias->data<float>()[flat]);
      });
      const BiasPart& of = form.bias[p];
      const Tensor& weight = *graph.constant(graph.node(id).input(static_cast<size_t>(of.weight)));
      enlarged +=
          enlarge_scales_for_bias(weights.at(of.weight), part,
                                  place_scales[static_cast<size_t>(of.place)], weight.shape()[2]);
    }
  }
  return enlarged;
}

void write_placed(Graph& graph, NodeId id, const PlaceForm& form, const PlaceTarget& target,
                  const PlacedParams& params) {
  const auto named = [&](size_t input, const char* suffix) {
    return graph.unique_name(graph.value(graph.node(id).input(input)).name + suffix);
  };
  std::vector<ValueId> inputs;
  for (const PlaceOperand& operand : target.operands) {
    const size_t i = operand.index;
    const ValueId input = operand.kind == PlaceOperand::kPlace ? kNone : graph.node(id).input(i);
    const auto weight = params.weights.find(operand.index);
    switch (operand.kind) {
      case PlaceOperand::kInput: inputs.push_back(input); break;
      case PlaceOperand::kPlace:
        inputs.push_back(params.places[i].scale);
        inputs.push_back(params.places[i].zero_point);
        break;
      case PlaceOperand::kRows:
        inputs.push_back(graph.add_initializer(named(i, "_quantized"), weight->second.rows));
        break;
      case PlaceOperand::kColumns:
        inputs.push_back(
            graph.add_initializer(named(i, "_quantized"), columns_of(weight->second.rows)));
        break;
      case PlaceOperand::kScale:
        inputs.push_back(graph.add_initializer(
            named(i, "_scale"),
            beside_rows(weight->second.rows, weight->second.scale, DType::kFloat32)));
        break;
      case PlaceOperand::kZero:
        inputs.push_back(graph.add_initializer(
            named(i, "_zero_point"), beside_rows(weight->second.rows, weight->second.zero_point,
                                                 weight->second.rows.dtype())));
        break;
      case PlaceOperand::kBias: {
        if (input == kNone) {
          inputs.push_back(kNone);
          break;
        }
        Tensor bias = place_bias(*graph.constant(input), form, graph, params);
        inputs.push_back(graph.add_initializer(named(i, "_quantized"), std::move(bias)));
        break;
      }
    }
  }
  while (!inputs.empty() && inputs.back() == kNone) inputs.pop_back();
  graph.set_inputs(id, std::move(inputs));
  graph.node(id).domain = std::string(target.domain);
  graph.node(id).op_type = std::string(target.op_type);
}

void drop_place_outputs(Graph& graph, NodeId id, const PlaceForm& form) {
  const auto all = graph.node(id).outputs();
  std::vector<ValueId> outputs(all.begin(), all.end());
  outputs.resize(std::min(outputs.size(), static_cast<size_t>(form.outputs)));
  while (!outputs.empty() && outputs.back() == kNone) outputs.pop_back();
  graph.set_outputs(id, std::move(outputs));
}

}  // namespace eightfold
