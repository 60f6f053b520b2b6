// Row-major strides in either layout, and axis arithmetic.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ops/op.h"

namespace eightfold {

// Logical axes in the order of memory: 0, 1, 2, 3 or 0, 2, 3, 1.
std::vector<size_t> physical_order(size_t rank, Layout layout);
// The dims in the order of memory.
Shape physical_shape(std::span<const int64_t> shape, Layout layout);
// Elements between neighbours along each logical axis.
Shape physical_strides(std::span<const int64_t> shape, Layout layout);
// Where a logical axis stands in memory order.
size_t physical_axis(size_t axis, size_t rank, Layout layout);

// Product of shape[begin, end).
int64_t product(std::span<const int64_t> shape, size_t begin, size_t end);

// Maps -rank..rank-1 to 0..rank-1; anything else is nullopt.
std::optional<size_t> normalized_axis(int64_t axis, size_t rank);

// The same, for the functions of a row: fails with kInvalidAttribute.
template <typename Context>
size_t checked_axis(const Context& context, int64_t axis, size_t rank) {
  if (const auto normalized = normalized_axis(axis, rank)) return *normalized;
  context.fail(
      ErrorCode::kInvalidAttribute,
      "axis " + std::to_string(axis) + " is out of range for rank " + std::to_string(rank));
}

}  // namespace eightfold
