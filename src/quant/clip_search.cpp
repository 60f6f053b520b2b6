// See clip_search.h. Lengths are in bin widths: the common factor width^2 of all errors
// changes no comparison. Empty bins are dropped once, before the search.
#include "quant/clip_search.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

namespace eightfold {
namespace {

struct FilledBins {
  std::vector<double> index, mass;
  explicit FilledBins(std::span<const double> counts) {
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      index.push_back(static_cast<double>(i));
      mass.push_back(counts[i]);
    }
  }
};

double cube(double x) { return x * x * x; }

// A level k stands for the interval [k step, (k + 1) step) and sits at its middle. Bin
// [begin, begin + 1) covers part of its first level, whole ones, and part of its last.
double error_of(const FilledBins& bins, BinRange kept, int levels) {
  const double step = static_cast<double>(kept.right - kept.left + 1) / levels;
  if (step == 0) return 0;
  const double per_step = 1 / step, half = step / 2, last_level = levels - 1;
  const double half_cubed = cube(half), left = kept.left;
  constexpr size_t kLanes = 4;
  double sums[kLanes] = {};
  const auto bin_error = [&](size_t i) {
    const double begin = bins.index[i] - left, end = begin + 1;
    // Truncation after clamping at 0 is the floor.
    const auto first = static_cast<double>(
        static_cast<int>(std::min(std::max(begin * per_step, 0.0), last_level)));
    const auto last =
        static_cast<double>(static_cast<int>(std::min(std::max(end * per_step, 0.0), last_level)));
    const double head = half_cubed - cube(begin - (first + 0.5) * step);
    const double whole = (last - first - 1) * 2 * half_cubed;
    const double tail = cube(end - (last + 0.5) * step) + half_cubed;
    return bins.mass[i] * (head + whole + tail);
  };
  size_t i = 0;
  for (; i + kLanes <= bins.mass.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += bin_error(i + lane);
  }
  for (; i < bins.mass.size(); ++i) sums[0] += bin_error(i);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) / 3;
}

}  // namespace

double clip_error(std::span<const double> counts, BinRange kept, int levels) {
  return error_of(FilledBins(counts), kept, levels);
}

BinRange search_clip_range(std::span<const double> counts, double width, int levels) {
  constexpr double kStep = 1e-5;
  const FilledBins bins(counts);
  std::vector<double> cumulative(counts.size());
  std::partial_sum(counts.begin(), counts.end(), cumulative.begin());
  const auto below = [&](int bin) { return cumulative[static_cast<size_t>(bin)]; };
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);

  BinRange kept{0, static_cast<int>(counts.size()) - 1};
  double alpha = 0, beta = 1, best = std::numeric_limits<double>::infinity();
  while (alpha < beta) {
    const double next_alpha = alpha + kStep, next_beta = beta - kStep;
    int l = kept.left, r = kept.right;
    while (l < kept.right && below(l) < next_alpha * total) ++l;
    while (r > kept.left && below(r) > next_beta * total) --r;
    BinRange next = kept;
    if (l - kept.left > kept.right - r) {
      next.left = l;
      alpha = next_alpha;
    } else {
      next.right = r;
      beta = next_beta;
    }
    if (next == kept) continue;
    const double error = width == 0 ? 0 : error_of(bins, next, levels);
    if (error > best) break;
    best = error;
    kept = next;
  }
  return kept;
}

BinRange refine_clip_range(std::span<const double> counts, BinRange start, int levels) {
  const FilledBins bins(counts);
  const int last = static_cast<int>(counts.size()) - 1;
  const int stride = std::max(1, last / 256);
  BinRange best = start;
  double best_error = error_of(bins, best, levels);
  const auto consider = [&](BinRange candidate) {
    const double error = error_of(bins, candidate, levels);
    if (error >= best_error) return;
    best_error = error;
    best = candidate;
  };
  for (int round = 0; round < 2; ++round) {
    for (int left = 0; left < best.right; left += stride) consider({left, best.right});
    for (int right = last; right > best.left; right -= stride) consider({best.left, right});
  }
  return best;
}

}  // namespace eightfold
