// A graph as text, one line per node: for goldens, failures and the page.
//   graph main (float, ai.onnx 13)
//     input x float32[N,1,28,28]
//     w = float32[8,1,3,3] {0.5, 0.25, -1, 2, ...} #8c736521
//     conv1: y float32[N,8,26,26] = Conv(x, w) {strides=[1,1]}
//     output y
// The number after # is a checksum of the constant's bytes. Constants that nothing uses are left
// out; absent inputs and outputs are "-".
#pragma once

#include <string>

#include "ir/graph.h"

namespace eightfold {

std::string to_text(const Graph& graph);
std::string to_text(const Graph& graph, NodeId node);
std::string to_text(const ValueType& type);  // "float32[N,3,?]", "?" when nothing is known

}  // namespace eightfold
