// Makes a float16 or bfloat16 model a float32 one, for the route: observers, int8 operators and
// their scales speak float32. Its inputs and outputs keep their types behind Cast nodes.
#pragma once

#include "ir/graph.h"

namespace eightfold {

// Constants are widened (exactly), Cast and its kin go to float32 instead, bodies follow. False
// when the graph holds no 16-bit float.
bool widen_halves(Graph& graph);

}  // namespace eightfold
