// Which value of a quantized graph stands for which value of the float graph,
// and with what scale and zero point its integers are read.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/tensor.h"
#include "ir/graph.h"

namespace eightfold {

struct ValueParams {
  float scale = 1.0f;
  int32_t zero_point = 0;
};
// Per value id: parameters of 8-bit activations, from the Q, DQ and int8 nodes around them; ops
// that only move integers hand their input's parameters on.
std::vector<std::optional<ValueParams>> value_params(const Graph& graph);

struct ValuePair {
  ValueId reference, quantized;
  std::optional<ValueParams> params;  // when the quantized one is an integer tensor
  NodeId node;                        // producer of the reference value
};
// Float values made by nodes of `reference` that live on in `quantized` under the same name, or the
// names that our convert and onnxruntime's tools give: v_quantized, v_QuantizeLinear_Output, ...
std::vector<ValuePair> match_values(const Graph& reference, const Graph& quantized);

// The elements as floats in plain order, whatever layout and type the view has; integers are
// dequantized with `params`.
std::vector<float> float_elements(const TensorView& view, const std::optional<ValueParams>& params);

}  // namespace eightfold
