// Parameters of recurrent weights: one, one per direction, or one per direction and column.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"

namespace eightfold {

// As [directions * columns]. Throws kInvalidShape.
template <typename T>
std::vector<T> spread_columns(const std::vector<T>& values, int64_t directions, int64_t columns) {
  const auto size = static_cast<int64_t>(values.size());
  if (size != 1 && size != directions && size != directions * columns) {
    throw Error(ErrorCode::kInvalidShape, std::to_string(size) + " scales or zero points for " +
                                              std::to_string(directions) + " directions of " +
                                              std::to_string(columns) + " columns");
  }
  std::vector<T> all;
  for (int64_t i = 0; i < directions * columns; ++i) {
    const int64_t at = size == 1 ? 0 : size == directions ? i / columns : i;
    all.push_back(values[static_cast<size_t>(at)]);
  }
  return all;
}

}  // namespace eightfold
