// Quantized forms that are not static: float16 weights, inputs quantized in each run.
//
//   float16   w16 -> Cast -> op
//   dynamic   x -> DynamicQuantizeLinear -> DequantizeLinear -> op, the weight as in static form
// Source: ONNX DynamicQuantizeLinear (uint8, zero representable), which chooses the parameters by
// the observer formula over 0..255 and does not nudge tiny scales as PyTorch's kernels do.
#pragma once

#include <map>

#include "core/qparams.h"
#include "ir/graph.h"

namespace eightfold {

void store_weight_as_half(Graph& graph, NodeId node, int weight_input);

// The dequantized twin of each value that is quantized in each run: one for all of its readers.
using DynamicInputs = std::map<ValueId, ValueId>;
void quantize_dynamically(Graph& graph, NodeId node, DynamicInputs& known);

// int8 weights of a convolution with dynamic inputs become uint8 ones of the same reals:
// onnxruntime runs ConvInteger fast on those alone (peers.md 0.4).
void prefer_unsigned_weight(const Node& node, QParams& qparams);

}  // namespace eightfold
