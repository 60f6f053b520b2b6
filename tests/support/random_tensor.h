// Float tensors of a fixed pseudo-random sequence: the same numbers on every machine.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace eightfold::test {

// Values in [low, high), multiples of (high - low) / 65536.
inline std::vector<float> random_floats(size_t count, uint32_t seed, float low = -1.0f,
                                        float high = 1.0f) {
  uint32_t state = seed * 2654435761u + 1;
  std::vector<float> values(count);
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = low + (high - low) * static_cast<float>(state >> 16) / 65536.0f;
  }
  return values;
}

inline Tensor random_tensor(Shape shape, uint32_t seed, float low = -1.0f, float high = 1.0f) {
  const auto count = static_cast<size_t>(element_count(shape));
  return Tensor::of<float>(std::move(shape), random_floats(count, seed, low, high));
}

}  // namespace eightfold::test
