// Sorting by heap: a quarter of the code of std::sort for each order, which is what lists of axes,
// indices and boxes are worth. Not stable: an order that must be the same everywhere names what
// decides between equals (mostly the index).
#pragma once

#include <algorithm>
#include <functional>
#include <ranges>

namespace eightfold {

template <std::ranges::random_access_range Range, typename Before = std::less<>>
void heap_sort(Range& range, Before before = {}) {
  std::make_heap(range.begin(), range.end(), before);
  std::sort_heap(range.begin(), range.end(), before);
}

}  // namespace eightfold
