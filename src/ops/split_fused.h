// Takes apart what onnxruntime's optimizer has fused and ONNX has the parts of: FusedConv,
// FusedGemm and FusedMatMul of com.microsoft become plain operators, so that they run, quantize and
// are exported as those.
#pragma once

#include "ir/graph.h"

namespace eightfold {

// Returns how many nodes were taken apart. One whose form has no plain parts (batch axes that are
// transposed, an unknown activation) stays as it is.
int split_fused(Graph& graph);

}  // namespace eightfold
