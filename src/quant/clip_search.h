// The search for a clip range: which bins of a histogram to keep when everything outside is
// clipped and what is inside is spread over the levels of a dtype.
#pragma once

#include <span>

namespace eightfold {

struct BinRange {
  int left = 0, right = 0;  // both kept
  bool operator==(const BinRange&) const = default;
};

// Squared error of keeping bins left..right with `levels` levels, in units of bin widths:
// the integral of (x - nearest level)^2 with the mass of each bin spread evenly over it.
double clip_error(std::span<const double> counts, BinRange kept, int levels);

// Greedy: from the side with more bins per quantile, in steps of 1e-5 of the mass, until the
// error grows (spec-facts 3.3). `width` is the width of a bin; 0 makes every error 0.
BinRange search_clip_range(std::span<const double> counts, double width, int levels);

// For histograms whose bins carry weights: the best of a grid of left ends, then of right ends,
// twice, starting from `start`. Exhaustive where the greedy search stops at the first rise.
BinRange refine_clip_range(std::span<const double> counts, BinRange start, int levels);

}  // namespace eightfold
