// Copies an n-dimensional box between two strided places: the data movement of Transpose, Slice,
// Expand, Pad, DepthToSpace and their kin.
//   to[to_offset + sum i_d * to_d] = from[from_offset + sum i_d * from_d]
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/tensor.h"

namespace eightfold {

// All counts are elements; strides may be 0 (repeat) or negative (reverse).
struct StridedCopy {
  Shape dims, from, to;
  int64_t from_offset = 0;
  int64_t to_offset = 0;
};

// Drops axes of one element and merges axes that are contiguous on both sides.
// Throws kLimitExceeded when more than kMaxCopyRank axes remain.
StridedCopy simplified(const StridedCopy& copy);
inline constexpr size_t kMaxCopyRank = 12;

// Elements of 1, 2, 4 or 8 bytes.
void run_copy(const StridedCopy& copy, size_t element_bytes, const void* from, void* to);

}  // namespace eightfold
