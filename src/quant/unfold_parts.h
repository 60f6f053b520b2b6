// Operators of later opsets that our own domain holds (ops/composed.h), written out in parts that
// the opset of the file has.
//
//   HardSwish(x)            x * HardSigmoid(x, 1/6, 1/2)
//   Swish(x, a)             x * Sigmoid(a x)
//   Gelu(x)                 (x/2) (1 + Erf(x / sqrt(2)))     tanh: (x/2) (1 + Tanh(c (x + d x^3)))
//   LayerNormalization(x)   c = x - mean(x);  c / Sqrt(mean(c c) + epsilon) * scale + bias
//   RMSNormalization(x)     the same with c = x, and no bias
#pragma once

#include "ir/graph.h"

namespace eightfold {

// False, with the graph as it was, for all other ops.
bool unfold_parts(Graph& graph, NodeId node);

}  // namespace eightfold
