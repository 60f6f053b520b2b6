// The observers behind the names of observer.cpp: state and update of each.
//
// Source: PyTorch's torch.ao.quantization observers (spec-facts 3.2).
#pragma once

#include <vector>

#include "quant/observer.h"
#include "quant/observer_histogram.h"
#include "quant/observer_range.h"

namespace eightfold {

// min = min(min, batch min), max likewise.
class MinMaxObserver : public Observer {
 public:
  explicit MinMaxObserver(ObserverSpec spec) : Observer(std::move(spec)) {}
  void observe(const TensorView& value) override;
  bool observed() const override { return !range_.empty(); }
  QParams qparams() const override { return per_tensor_qparams(range_, spec()); }
  std::pair<float, float> range() const override;

 protected:
  ValueRange range_ = kEmptyRange;
};

// The first batch is copied; then m += averaging_constant * (batch - m), in float32.
class MovingAverageMinMaxObserver : public MinMaxObserver {
 public:
  using MinMaxObserver::MinMaxObserver;
  void observe(const TensorView& value) override;
};

// One range per index of axis ch_axis (negative: counted from the end). Plain layout.
class PerChannelMinMaxObserver : public Observer {
 public:
  explicit PerChannelMinMaxObserver(ObserverSpec spec) : Observer(std::move(spec)) {}
  void observe(const TensorView& value) override;
  bool observed() const override { return !ranges_.empty(); }
  QParams qparams() const override;  // unobserved: one channel of scale 1
  std::pair<float, float> range() const override;

 protected:
  virtual void update(ValueRange& range, const ValueRange& batch) const { range.extend(batch); }

 private:
  std::vector<ValueRange> ranges_;
  int axis_ = 0;
};

class MovingAveragePerChannelMinMaxObserver : public PerChannelMinMaxObserver {
 public:
  using PerChannelMinMaxObserver::PerChannelMinMaxObserver;

 protected:
  void update(ValueRange& range, const ValueRange& batch) const override;
};

// Constants of the spec; what flows by is not looked at.
class FixedQParamsObserver : public Observer {
 public:
  explicit FixedQParamsObserver(ObserverSpec spec) : Observer(std::move(spec)) {}
  void observe(const TensorView&) override {}
  bool observed() const override { return true; }
  QParams qparams() const override;
  std::pair<float, float> range() const override;
};

// Carries a dtype, for values whose parameters are chosen at run time or never.
class PlaceholderObserver : public Observer {
 public:
  explicit PlaceholderObserver(ObserverSpec spec) : Observer(std::move(spec)) {}
  void observe(const TensorView&) override {}
  bool observed() const override { return false; }
  QParams qparams() const override;  // throws kInvalidState
  std::pair<float, float> range() const override { return {0.0f, 0.0f}; }
};

}  // namespace eightfold
