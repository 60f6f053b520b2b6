// Where a converted model meets integers from outside: inputs and outputs that are declared
// quantized, and custom modules (spec-facts 2.4, 2.7).
#pragma once

#include "quant/convert_pairs.h"

namespace eightfold {

struct BorderParams {
  QParamValues values;
  DType dtype;
};

// The input becomes integers of its own name and loses its QuantizeLinear; its float readers get
// the dequantized value.
void quantize_input(Graph& graph, ValueId input, const BorderParams& params);
// The output of that index is given as integers, without a last DequantizeLinear.
void quantize_output(Graph& graph, size_t index, const BorderParams& params);

// Every input of the node that comes from a DequantizeLinear is read before it.
void connect_quantized(Graph& graph, NodeId node);

}  // namespace eightfold
