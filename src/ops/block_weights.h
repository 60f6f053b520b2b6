// Weights of few bits that share a scale and a zero point by blocks, as com.microsoft's operators
// pack them: 8 / bits elements in a byte, the first in its low bits.
#pragma once

#include <cstdint>

#include "core/error.h"
#include "ops/op.h"

namespace eightfold {

// Element i of a row of bytes.
inline int32_t packed_element(const uint8_t* row, int64_t i, int bits) {
  const int64_t bit = i * bits;
  return (row[bit / 8] >> (bit % 8)) & ((1 << bits) - 1);
}

inline int64_t packed_bytes(int64_t elements, int bits) { return (elements * bits + 7) / 8; }

// The attribute `bits`: 2, 4 or 8.
template <typename Context>
int read_bits(const Context& context) {
  const int64_t bits = context.node.int_attribute("bits", 4);
  if (bits != 2 && bits != 4 && bits != 8) {
    context.fail(ErrorCode::kInvalidAttribute, std::to_string(bits) + " bits, expected 2, 4 or 8");
  }
  return static_cast<int>(bits);
}

}  // namespace eightfold
