// See bin_counts.h. The quick path places an element in float32, vectorised, and believes the
// result unless it lies so near to a bin's edge that rounding could have moved it: those
// (and all elements of data with infinities) take the exact division in double.
#include "quant/bin_counts.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace eightfold {
namespace {

struct ExactBins {
  double min, span, bins;
  int last;

  ExactBins(const ValueRange& range, int count)
      : min(range.min),
        span(static_cast<double>(range.max) - range.min),
        bins(count),
        last(count - 1) {
    if (span == 0) {
      min -= 1;
      span = (static_cast<double>(range.max) + 1) - min;
    }
  }
  int operator()(double x) const {
    return std::min(static_cast<int>((x - min) / span * bins), last);
  }
};

constexpr size_t kBlock = 64;
constexpr int kUnsure = -1;

struct QuickBins {
  float min, per_width, margin;
  bool usable;

  QuickBins(const ValueRange& range, int count)
      : min(range.min),
        per_width(static_cast<float>(count) / (range.max - range.min)),
        // Three roundings of half an ulp each, of a number up to `count`, and to spare.
        margin(static_cast<float>(count) * 0x1p-21f),
        usable(range.max > range.min && std::isfinite(range.max - range.min) &&
               std::isnormal(per_width) && margin < 0.25f) {}

  void place(const float* values, int* bins) const {
    for (size_t j = 0; j < kBlock; ++j) {
      const float t = (values[j] - min) * per_width;
      const int k = static_cast<int>(t);
      const float fraction = t - static_cast<float>(k);
      // The minimum itself, the zero of every Relu, lies on an edge and is sure all the same.
      const bool sure = ((fraction > margin) & (fraction < 1.0f - margin)) | (values[j] == min);
      bins[j] = sure ? k : kUnsure;
    }
  }
};

class Counter {
 public:
  Counter(const ValueRange& range, int bins)
      : range_(range), exact_(range, bins), lanes_(2 * static_cast<size_t>(bins)) {}

  void add_exact(std::span<const float> values) {
    for (float v : values) {
      if (v >= range_.min && v <= range_.max) ++lanes_[static_cast<size_t>(exact_(v))];
    }
  }

  void add_quick(std::span<const float> values, const QuickBins& quick) {
    std::array<int, kBlock> bins;
    size_t i = 0;
    for (; i + kBlock <= values.size(); i += kBlock) {
      quick.place(&values[i], bins.data());
      for (size_t j = 0; j < kBlock; ++j) count(bins[j], values[i + j], j % 2);
    }
    add_exact(values.subspan(i));
  }

  void add_to(std::vector<double>* counts) const {
    const size_t bins = counts->size();
    for (size_t i = 0; i < bins; ++i) {
      (*counts)[i] += static_cast<double>(lanes_[i]) + static_cast<double>(lanes_[bins + i]);
    }
  }

 private:
  // Two tables in turn, so that runs of one value do not wait for their own store.
  void count(int bin, float value, size_t table) {
    if (bin == kUnsure) bin = exact_(value);
    ++lanes_[table * (lanes_.size() / 2) + static_cast<size_t>(bin)];
  }

  ValueRange range_;
  ExactBins exact_;
  std::vector<uint32_t> lanes_;
};

}  // namespace

void add_bin_counts(std::span<const float> values, const ValueRange& range,
                    std::vector<double>* counts) {
  const auto bins = static_cast<int>(counts->size());
  Counter counter(range, bins);
  const QuickBins quick(range, bins);
  if (quick.usable && !range.has_infinity) {
    counter.add_quick(values, quick);
  } else {
    counter.add_exact(values);
  }
  counter.add_to(counts);
}

int bin_of(double value, const ValueRange& range, int bins) {
  return ExactBins(range, bins)(value);
}

}  // namespace eightfold
