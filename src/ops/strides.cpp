// See strides.h.
#include "ops/strides.h"

#include <algorithm>
#include <numeric>

namespace eightfold {

std::vector<size_t> physical_order(size_t rank, Layout layout) {
  std::vector<size_t> order(rank);
  std::iota(order.begin(), order.end(), size_t{0});
  if (layout == Layout::kChannelsLast && rank >= 3) {
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  }
  return order;
}

Shape physical_shape(std::span<const int64_t> shape, Layout layout) {
  Shape physical;
  for (size_t axis : physical_order(shape.size(), layout)) physical.push_back(shape[axis]);
  return physical;
}

Shape physical_strides(std::span<const int64_t> shape, Layout layout) {
  Shape strides(shape.size());
  const std::vector<size_t> order = physical_order(shape.size(), layout);
  int64_t step = 1;
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = step;
    step *= shape[order[i]];
  }
  return strides;
}

size_t physical_axis(size_t axis, size_t rank, Layout layout) {
  const std::vector<size_t> order = physical_order(rank, layout);
  return static_cast<size_t>(std::ranges::find(order, axis) - order.begin());
}

int64_t product(std::span<const int64_t> shape, size_t begin, size_t end) {
  int64_t count = 1;
  for (size_t d = begin; d < end; ++d) count *= shape[d];
  return count;
}

std::optional<size_t> normalized_axis(int64_t axis, size_t rank) {
  const auto limit = static_cast<int64_t>(rank);
  if (axis < -limit || axis >= limit) return std::nullopt;
  return static_cast<size_t>(axis < 0 ? axis + limit : axis);
}

}  // namespace eightfold
