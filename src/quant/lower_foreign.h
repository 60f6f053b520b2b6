// A QDQ file as other tools write it (or ours, read back) in the form that lowering reads:
// parameters are constants, moved weights lie as they are read, four bits are stored in eight where
// an integer kernel takes them, and what files hold as several nodes is one again:
//
//   Conv, Add [, Relu]  -> eightfold:ConvAdd      Gemm, LeakyRelu | Tanh -> eightfold:Gemm
//   MatMul, Add of a row -> Gemm   Conv, LeakyRelu | PRelu of channels -> eightfold:Conv
// each only between DequantizeLinear and QuantizeLinear.
#pragma once

#include "ir/graph.h"

namespace eightfold {

Graph tidy_foreign(const Graph& graph);

}  // namespace eightfold
