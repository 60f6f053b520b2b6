// Copies with an index map per axis: y[i, j, ...] = x[map0[i], map1[j], ...], or a fill value where
// an index is kFill. The data movement of Pad and of nearest-neighbour Resize.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ops/op.h"

namespace eightfold {

inline constexpr int64_t kFill = -1;

struct MappedCopy {
  std::vector<std::vector<int64_t>> maps;  // in memory order of the output; source offsets or kFill
  bool unit_row = false;                   // the last map is 0, 1, 2, ...: rows are copied whole
};

// `maps` are per logical axis, in source indices along that axis.
MappedCopy make_mapped_copy(const TensorInfo& x, const TensorInfo& y,
                            const std::vector<std::vector<int64_t>>& maps);

// `fill` points to one element.
void run_mapped_copy(const MappedCopy& copy, size_t element_bytes, const void* from, void* to,
                     const void* fill);

}  // namespace eightfold
