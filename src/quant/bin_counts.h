// Counting float32 data into the bins of a histogram.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quant/observer_range.h"

namespace eightfold {

// Adds 1 to counts[floor((x - min) / (max - min) * bins)] for every element, in double;
// x == max goes to the last bin. A range without width is widened by 1 on both sides.
// Elements outside the range (infinities) are ignored.
void add_bin_counts(std::span<const float> values, const ValueRange& range,
                    std::vector<double>* counts);

// The bin of one value that lies inside the range.
int bin_of(double value, const ValueRange& range, int bins);

}  // namespace eightfold
