// Rotary position embedding of one head's row: pairs of features turn by an angle per pair.
//   y_a = cos * x_a - sin * x_b,  y_b = sin * x_a + cos * x_b
// A pair is (i, i + half), or (2i, 2i + 1) when interleaved; what lies past 2 * half stays.
#pragma once

#include <algorithm>
#include <cstdint>

namespace eightfold {

struct Rotation {
  const float* cos;  // `half` of each
  const float* sin;
  int64_t half;
  bool interleaved;
};

// x and y may be the same.
inline void rotate(const Rotation& rotation, const float* x, int64_t size, float* y) {
  const int64_t step = rotation.interleaved ? 2 : 1;
  const int64_t apart = rotation.interleaved ? 1 : rotation.half;
  for (int64_t i = 0; i < rotation.half; ++i) {
    const float a = x[i * step], b = x[i * step + apart];
    y[i * step] = rotation.cos[i] * a - rotation.sin[i] * b;
    y[i * step + apart] = rotation.sin[i] * a + rotation.cos[i] * b;
  }
  if (x != y) std::copy(x + 2 * rotation.half, x + size, y + 2 * rotation.half);
}

}  // namespace eightfold
