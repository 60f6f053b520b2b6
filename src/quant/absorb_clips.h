// A Clip to constant bounds beside an operator that clamps by itself becomes clamp_min and
// clamp_max of its twin in our domain, which costs nothing and tells the kernels the range:
//
//   QLinearConv, Clip (on integers)  ->  eightfold:QLinearConv       any op with such a twin
//   Clip or Relu, QuantizeLinear     ->  eightfold:QuantizeLinear    clamping and rounding commute
//
// and a Clip that changes nothing, since its operand has those bounds already, goes.
// Narrow ranges of our own files read as the first, where the quantizer has stopped at seven bits.
#pragma once

#include "ir/graph.h"

namespace eightfold {

void absorb_clips(Graph& graph);

}  // namespace eightfold
