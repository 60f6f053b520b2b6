// Lowering of the forms that are not static.
//
//   dynamic    DynamicQuantizeLinear -> DQ -> Conv | Gemm | MatMul, weight through a DQ
//              acc = ConvInteger | MatMulInteger (x_q, w_q, x_zero, w_zero)
//              y = float(acc) * (x_scale * w_scale) + bias, then what was fused behind it
//   embedding  Gather(DQ(table, per row), i)
//              y = (float(Gather(table_q, i)) - float(Gather(zero, i))) * Gather(scale, i)
// All of it plain ONNX, so the lowered graph is the exported one.
#pragma once

#include <string>

#include "ir/graph.h"

namespace eightfold {

// False, with the reason in `why`, when the node does not have the form.
bool lower_dynamic(Graph& graph, NodeId node, std::string* why);
bool lower_embedding(Graph& graph, NodeId node, std::string* why);

// Whether the node reads the result of a DynamicQuantizeLinear.
bool is_dynamic(const Graph& graph, NodeId node);

}  // namespace eightfold
