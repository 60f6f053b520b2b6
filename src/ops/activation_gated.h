// SwiGLU and onnxruntime's forms of GELU.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

void add_gated_rows(std::vector<OpDef>& rows);

}  // namespace eightfold
