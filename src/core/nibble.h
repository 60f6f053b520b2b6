// Elements of four bits: two in a byte, the first in its low half (ONNX uint4 and int4).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/tensor.h"

namespace eightfold {

inline bool is_four_bit(DType dtype) { return dtype == DType::kUint4 || dtype == DType::kInt4; }

inline int32_t nibble_at(const void* data, int64_t i, bool is_signed) {
  const auto byte = static_cast<const uint8_t*>(data)[static_cast<size_t>(i / 2)];
  const int32_t nibble = (i % 2 == 0 ? byte : byte >> 4) & 15;
  return is_signed && nibble > 7 ? nibble - 16 : nibble;
}

// Keeps the low four bits of the value. Elements are written in order: the first of a byte clears
// the second, so that an odd count leaves zeros, as ONNX asks.
inline void append_nibble(void* data, int64_t i, int32_t value) {
  auto& byte = static_cast<uint8_t*>(data)[static_cast<size_t>(i / 2)];
  byte = static_cast<uint8_t>(i % 2 == 0 ? value & 15 : byte | (value & 15) << 4);
}

}  // namespace eightfold
