// The building blocks of a QDQ graph: parameter initializers and the two nodes.
//
//   v --QuantizeLinear--> v_quantized --DequantizeLinear--> v_dequantized
//
// with v_scale and v_zero_point beside them, names that graph viewers show well.
// Used by convert and, for the pairs that exports add, by export_forms.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/qparams.h"
#include "ir/graph.h"

namespace eightfold {

// Initializers; zero_point is kNone where the spec has none (int32 biases).
struct QParamValues {
  ValueId scale = kNone;
  ValueId zero_point = kNone;
};

// A tensor of `dtype` (8 or 16 bits, int32, uint4 or int4) holding `values`, saturated.
Tensor integer_tensor(DType dtype, Shape shape, std::span<const int32_t> values);

// <base>_scale and <base>_zero_point: scalars per tensor, vectors per channel.
QParamValues add_qparams(Graph& graph, std::string_view base, const QParams& qparams);

// Where a node goes: right after a node, or before one, or first of all.
struct Place {
  NodeId after = kNone;
  NodeId before = kNone;
};
NodeId place_node(Graph& graph, Place place, Node node, std::vector<ValueId> inputs,
                  std::vector<ValueId> outputs);

// <base>_quantized = QuantizeLinear(value); returns the new value.
ValueId add_quantize(Graph& graph, Place place, ValueId value, QParamValues params, DType dtype,
                     std::string_view base);
// `output` = DequantizeLinear(quantized); axis < 0: per tensor.
NodeId add_dequantize(Graph& graph, Place place, ValueId quantized, QParamValues params, int axis,
                      ValueId output, std::string_view base);

// Clip(x) to the reals that the parameters' range stands for; returns the new value.
ValueId add_range_clip(Graph& graph, Place place, ValueId x, const QParams& qparams,
                       std::string_view base);

// Forgets constants nobody uses any more (float weights after convert, parameters after lower).
void drop_unused_constants(Graph& graph);

}  // namespace eightfold
