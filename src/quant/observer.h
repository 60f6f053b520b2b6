// Observers: streaming statistics of a value, turned into QParams at the end.
//
// Formulas: spec-facts 3.1 (qparams), 3.2 (min/max family), 3.3 (histogram).
// Memory is constant in the number of samples. Non-finite values: NaN throws
// kInvalidData, infinities are ignored by the histogram and throw elsewhere.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "quant/qconfig.h"

namespace eightfold {

class Observer {
 public:
  virtual ~Observer() = default;
  // float32, any layout; a per-channel observer needs the plain layout.
  virtual void observe(const TensorView& value) = 0;
  virtual bool observed() const = 0;
  // Unobserved: scale 1, zero point 0.
  virtual QParams qparams() const = 0;
  // Observed range, for reports; 0, 0 when there is none.
  virtual std::pair<float, float> range() const = 0;
  const ObserverSpec& spec() const { return spec_; }

 protected:
  explicit Observer(ObserverSpec spec) : spec_(std::move(spec)) {}

 private:
  ObserverSpec spec_;
};

// Throws kInvalidConfig for an unknown name or a qscheme the observer does not allow.
std::unique_ptr<Observer> make_observer(const ObserverSpec& spec);
std::vector<std::string> observer_names();

}  // namespace eightfold
