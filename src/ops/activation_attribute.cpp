// Fused activations: read from attributes, applied to rows of floats (see the header).
#include "ops/activation_attribute.h"

#include <cmath>
#include <string>

#include "core/error.h"
#include "core/lanes.h"

namespace eightfold {
namespace {

using Kind = FusedActivation::Kind;

Kind kind_of(const std::string& name) {
  if (name.empty()) return Kind::kNone;
  if (name == "Relu") return Kind::kRelu;
  if (name == "Clip") return Kind::kClip;
  if (name == "LeakyRelu") return Kind::kLeakyRelu;
  if (name == "Tanh") return Kind::kTanh;
  if (name == "PRelu") return Kind::kPRelu;
  throw Error(ErrorCode::kInvalidAttribute, "activation is '" + name + "'",
              "use Relu, Clip, LeakyRelu, PRelu or Tanh");
}

// By the library, not by TanhFloat32: integers are made of these, and must not depend on the row.
void tanh_of(float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = std::tanh(values[i]);
}

}  // namespace

void clamp(const float* x, float* y, int64_t count, float low, float high) {
  map_lanes(x, y, count, [low = all_lanes(low), high = all_lanes(high)](Lanes values) {
    const Lanes raised = values < low ? low : values;
    return high < raised ? high : raised;
  });
}

void leaky_relu(const float* x, float* y, int64_t count, float alpha) {
  map_lanes(x, y, count, [alpha](Lanes v) { return v < 0.0f ? v * alpha : v; });
}

FusedActivation read_activation(const Node& node) {
  FusedActivation activation;
  if (node.domain != kEightfoldDomain) return activation;
  activation.kind = kind_of(node.string_attribute("activation", ""));
  if (activation.kind == Kind::kRelu) activation.min = 0.0f;
  if (activation.kind == Kind::kClip) {
    activation.min = node.float_attribute("activation_min", activation.min);
    activation.max = node.float_attribute("activation_max", activation.max);
    if (!(activation.min <= activation.max)) {
      throw Error(ErrorCode::kInvalidAttribute, "activation_min is above activation_max");
    }
  }
  activation.alpha = node.float_attribute("activation_alpha", activation.alpha);
  activation.slopes = node.floats_attribute("activation_slopes");
  return activation;
}

std::vector<float> FusedActivation::slopes_of(int64_t n) const {
  const auto count = static_cast<size_t>(n);
  if (kind == Kind::kLeakyRelu) return std::vector(count, alpha);
  if (kind != Kind::kPRelu) return {};
  if (slopes.size() == count) return slopes;
  throw Error(
      ErrorCode::kInvalidAttribute,
      std::to_string(slopes.size()) + " activation_slopes for " + std::to_string(n) + " channels");
}

void apply_slopes(std::span<const float> slopes, float* values, int64_t count) {
  const auto channels = static_cast<int64_t>(slopes.size());
  for (int64_t i = 0; i < count; i += channels) {
    map_lanes(values + i, 1, slopes.data(), 1, values + i, channels,
              [](Lanes v, Lanes slope) { return v < 0.0f ? v * slope : v; });
  }
}

void apply_activation(const FusedActivation& activation, float* values, int64_t count) {
  switch (activation.kind) {
    case Kind::kNone: return;
    case Kind::kRelu:
    case Kind::kClip: return clamp(values, values, count, activation.min, activation.max);
    case Kind::kLeakyRelu: return leaky_relu(values, values, count, activation.alpha);
    case Kind::kTanh: return tanh_of(values, count);
    case Kind::kPRelu: break;  // by slopes
  }
}

}  // namespace eightfold
