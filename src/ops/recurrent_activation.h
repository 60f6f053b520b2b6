// The activations that a recurrent cell may name, with their parameters. Names are compared
// without regard to case, as in ONNX Runtime. Source: ONNX LSTM, "Activation functions".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

struct CellActivation {
  enum class Kind : uint8_t {
    kAffine,
    kRelu,
    kLeakyRelu,
    kThresholdedRelu,
    kTanh,
    kScaledTanh,
    kSigmoid,
    kHardSigmoid,
    kElu,
    kSoftsign,
    kSoftplus,
    kTanhRational,  // Tanh and Sigmoid with the bits of ONNX Runtime
    kSigmoidRational,
  };
  Kind kind = Kind::kTanh;
  float alpha = 0, beta = 0;
};

// The attributes activations, activation_alpha and activation_beta; `defaults` where the first is
// absent. Parameters are consumed in the order of the functions that have them. Throws
// kInvalidAttribute on an unknown name, or when there are not `count` of them.
std::vector<CellActivation> cell_activations(const Node& node,
                                             std::span<const char* const> defaults, size_t count);

// The same with the rational forms where there are such.
CellActivation as_rational(CellActivation activation);

// In place; NaN stays NaN.
void apply(const CellActivation& activation, float* values, int64_t count);

}  // namespace eightfold
