// Swish, GELU, SwiGLU and onnxruntime's forms of GELU.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/op.h"

namespace eightfold {

// y = x * g(x). kSwish: sigmoid(alpha * x); kGelu: (1 + erf(x / sqrt(2))) / 2; kGeluTanh: the same
// by tanh.
enum class Gate : uint8_t { kSwish, kGelu, kGeluTanh };
// y may be x.
void apply_gate(Gate gate, float alpha, const float* x, int64_t n, float* y);

void add_gated_rows(std::vector<OpDef>& rows);

}  // namespace eightfold
