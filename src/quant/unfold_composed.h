// Ops of the eightfold domain that no single ONNX op stands for, as several ops that unfold.h
// knows.
//
//   ConvAdd                      -> Conv, Add with the activation
//   QLinearConvAdd               -> DequantizeLinear of x, w, bias and z, ConvAdd, QuantizeLinear
//   QGemm that has an activation -> DequantizeLinear of A, B and C, Gemm, QuantizeLinear
//   QLinearConv that has one     -> DequantizeLinear of x, w and bias, Conv, QuantizeLinear
// The float sums of the last three round otherwise than integers do: a tie may fall one step away.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace eightfold {

// Splits the node and returns those parts that are still of the eightfold domain; empty, with the
// graph as it was, for all other ops.
std::vector<NodeId> split_composed(Graph& graph, NodeId node);

}  // namespace eightfold
