// See observer_histogram.h.
#include "quant/observer_histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "quant/bin_counts.h"

namespace eightfold {
namespace {

double bin_width(const ValueRange& range, size_t bins) {
  return (static_cast<double>(range.max) - static_cast<double>(range.min)) /
         static_cast<double>(bins);
}

}  // namespace

HistogramObserver::HistogramObserver(ObserverSpec spec)
    : Observer(std::move(spec)), counts_(static_cast<size_t>(this->spec().bins)) {}

void HistogramObserver::observe(const TensorView& value) {
  const std::span<const float> values = float_elements(value);
  const ValueRange batch = range_of(values);
  if (batch.empty()) return;
  ValueRange wider = range_;
  wider.extend(batch);
  if (observed() && (wider.min != range_.min || wider.max != range_.max)) widen(wider);
  wider.has_infinity = batch.has_infinity;
  add_bin_counts(values, wider, &counts_);
  range_ = {wider.min, wider.max};
}

void HistogramObserver::widen(const ValueRange& wider) {
  constexpr int kParts = 16;
  std::vector<double> moved(counts_.size());
  if (range_.min == range_.max) {
    const int bin = bin_of(range_.min, wider, spec().bins);
    moved[static_cast<size_t>(bin)] = std::accumulate(counts_.begin(), counts_.end(), 0.0);
    counts_ = std::move(moved);
    return;
  }
  const double old_width = bin_width(range_, counts_.size());
  const double new_width = bin_width(wider, counts_.size());
  const double old_min = range_.min, new_min = wider.min;
  const auto last = static_cast<double>(counts_.size() - 1);
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    for (int part = 0; part < kParts; ++part) {
      const double middle = old_min + (static_cast<double>(i) + (part + 0.5) / kParts) * old_width;
      const double bin = std::clamp(std::floor((middle - new_min) / new_width), 0.0, last);
      moved[static_cast<size_t>(bin)] += counts_[i] / kParts;
    }
  }
  counts_ = std::move(moved);
}

BinRange HistogramObserver::clip_bins() const {
  // The levels of the dtype, even where the range in use is narrower (as PyTorch).
  const int levels = 1 << std::min(dtype_bits(spec().dtype), 16);
  const double width = bin_width(range_, counts_.size());
  const BinRange kept = search_clip_range(counts_, width, levels);
  if (spec().negative_gain >= 1 || width == 0) return kept;
  std::vector<double> weighted(counts_);
  const double gain = spec().negative_gain;
  for (size_t i = 0; i < weighted.size(); ++i) {
    if (range_.min + width * (static_cast<double>(i) + 0.5) < 0) weighted[i] *= gain * gain;
  }
  return refine_clip_range(weighted, kept, levels);
}

ValueRange HistogramObserver::clip_range() const {
  if (!observed()) return kEmptyRange;
  const BinRange kept = clip_bins();
  const double min = range_.min, width = bin_width(range_, counts_.size());
  return {static_cast<float>(min + width * kept.left),
          static_cast<float>(min + width * (kept.right + 1))};
}

QParams HistogramObserver::qparams() const { return per_tensor_qparams(clip_range(), spec()); }

std::pair<float, float> HistogramObserver::range() const {
  return observed() ? std::pair(range_.min, range_.max) : std::pair(0.0f, 0.0f);
}

}  // namespace eightfold
