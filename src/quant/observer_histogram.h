// HistogramObserver: a histogram of a value that widens with the data, and the clip range
// that keeps the squared quantization error small.
//
//   bin = floor((x - min) / (max - min) * bins), x == max in the last one
// Widening splits each old bin into 16 equal parts and puts each where its middle falls.
// Source: PyTorch's HistogramObserver, current revision (spec-facts 3.3). Infinite elements
// are left out.
#pragma once

#include <vector>

#include "quant/clip_search.h"
#include "quant/observer.h"
#include "quant/observer_range.h"

namespace eightfold {

class HistogramObserver : public Observer {
 public:
  explicit HistogramObserver(ObserverSpec spec);
  void observe(const TensorView& value) override;
  bool observed() const override { return !range_.empty(); }
  QParams qparams() const override;
  std::pair<float, float> range() const override;  // of the data, before clipping

  // For reports: mass per bin over range(), and the bins the search keeps.
  const std::vector<double>& counts() const { return counts_; }
  BinRange clip_bins() const;
  ValueRange clip_range() const;

 private:
  void widen(const ValueRange& wider);

  ValueRange range_ = kEmptyRange;
  std::vector<double> counts_;
};

}  // namespace eightfold
