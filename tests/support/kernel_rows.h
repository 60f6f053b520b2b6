// Visits the rows of kernels.inc for one kernel, so that each is compared with its equation.
#pragma once

#include <random>
#include <type_traits>
#include <vector>

#include "kernels/int8.h"
#include "kernels/kernels.h"

namespace eightfold::test {

// Calls visit(row, kernel) for every row of the kernel that this build holds; returns how many.
template <class Kernel, class Visit>
int for_each_row(Visit visit) {
  int count = 0;
  const KernelRow* row = kernel_rows().data();
#define EIGHTFOLD_KERNEL(isa, type, types, name) \
  if constexpr (std::is_same_v<Kernel, type>) {  \
    visit(*row, name);                           \
    ++count;                                     \
  }                                              \
  ++row;
#include "kernels/kernels.inc"
#undef EIGHTFOLD_KERNEL
  return count;
}

// All of int8 or uint8.
inline ActivationRange whole_range(bool is_signed, int32_t zero_point) {
  return {true, is_signed, zero_point, is_signed ? -128 : 0, is_signed ? 127 : 255};
}

// Slopes of either sign, below 1 and above, with what vectors may read behind them.
inline std::vector<float> test_slopes(int64_t channels) {
  std::vector<float> slopes;
  for (int64_t i = 0; i < channels; ++i) slopes.push_back(static_cast<float>(i * 37 % 11 - 3) / 4);
  slopes.resize(slopes.size() + kSlopePadding);
  return slopes;
}

// Bytes from a fixed sequence; `extreme` draws only the ends of the ranges of uint8 and int8.
inline std::vector<uint8_t> test_bytes(size_t count, uint32_t seed, bool extreme = false) {
  std::mt19937 random(seed);
  constexpr uint8_t kEnds[] = {0, 127, 128, 255};
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) {
    byte = extreme ? kEnds[random() % 4] : static_cast<uint8_t>(random() >> 8);
  }
  return bytes;
}

inline int32_t test_int8(const uint8_t* bytes, bool is_signed, int64_t i) {
  return is_signed ? static_cast<int8_t>(bytes[i]) : bytes[i];
}

}  // namespace eightfold::test
