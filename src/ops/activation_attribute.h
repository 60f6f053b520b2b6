// The activation that a fused op of the eightfold domain carries in its attributes:
//   activation ("" | "Relu" | "Clip" | "LeakyRelu" | "Tanh" | "PRelu"), activation_min,
//   activation_max, activation_alpha (floats; alpha 0.01 where absent, as in ONNX),
//   activation_slopes (of PRelu: one float per channel; of Conv alone)
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "ir/graph.h"

namespace eightfold {

struct FusedActivation {
  enum class Kind : uint8_t { kNone, kRelu, kClip, kLeakyRelu, kTanh, kPRelu };
  Kind kind = Kind::kNone;
  // What clamp kinds clamp to; everything for the others, so that kernels may always clamp.
  float min = -std::numeric_limits<float>::infinity();
  float max = std::numeric_limits<float>::infinity();
  float alpha = 0.01f;
  std::vector<float> slopes;

  bool is_clamp() const {
    return kind == Kind::kNone || kind == Kind::kRelu || kind == Kind::kClip;
  }
  // LeakyRelu and PRelu as one slope for each of n channels; none for the others. Throws
  // kInvalidAttribute when PRelu has another number of them.
  std::vector<float> slopes_of(int64_t n) const;
};

// None for nodes of other domains. Throws kInvalidAttribute on an unknown name or min > max.
FusedActivation read_activation(const Node& node);

// y[i] = min(high, max(x[i], low)), y[i] = x[i] < 0 ? alpha * x[i] : x[i]. y may be x. NaN passes,
// and low > high gives high, as in ONNX.
void clamp(const float* x, float* y, int64_t count, float low, float high);
void leaky_relu(const float* x, float* y, int64_t count, float alpha);

// In place. NaN stays NaN. PRelu needs to know the channels: values are pixels of them.
void apply_slopes(std::span<const float> slopes, float* values, int64_t count);
// All but PRelu.
void apply_activation(const FusedActivation& activation, float* values, int64_t count);

}  // namespace eightfold
