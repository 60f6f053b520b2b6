// Element by element over floats, four at a time, written once: f takes and gives Lanes. For loops
// of the operators, which are compiled for size and so get no vectors by themselves; what needs
// more than + - * / and selection is a kernel.
#pragma once

#include <cstdint>
#include <cstring>

namespace eightfold {

using Lanes = float __attribute__((vector_size(16)));
inline constexpr int64_t kLanes = 4;

inline Lanes load_lanes(const float* from) {
  Lanes value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
inline void store_lanes(float* to, Lanes value) { std::memcpy(to, &value, sizeof(value)); }
inline Lanes all_lanes(float value) { return Lanes{value, value, value, value}; }

// y[i] = f(a[i * a_step], b[i * b_step]); steps are 0 or 1. y may be a or b.
template <class F>
void map_lanes(const float* a, int64_t a_step, const float* b, int64_t b_step, float* y, int64_t n,
               F f) {
  // An operand that repeats is read from four copies, again and again.
  float left[kLanes], right[kLanes];
  if (a_step == 0 && n > 0) {
    store_lanes(left, all_lanes(*a));
    a = left;
  }
  if (b_step == 0 && n > 0) {
    store_lanes(right, all_lanes(*b));
    b = right;
  }
  for (; n >= kLanes; n -= kLanes, y += kLanes, a += a_step * kLanes, b += b_step * kLanes) {
    store_lanes(y, f(load_lanes(a), load_lanes(b)));
  }
  for (int64_t i = 0; i < n; ++i) y[i] = f(all_lanes(a[i * a_step]), all_lanes(b[i * b_step]))[0];
}

// y[i] = f(x[i]). y may be x.
template <class F>
void map_lanes(const float* x, float* y, int64_t n, F f) {
  for (; n >= kLanes; n -= kLanes, x += kLanes, y += kLanes) store_lanes(y, f(load_lanes(x)));
  for (int64_t i = 0; i < n; ++i) y[i] = f(all_lanes(x[i]))[0];
}

}  // namespace eightfold
