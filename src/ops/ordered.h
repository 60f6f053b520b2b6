// Elements of any number type in their order, for ops that sort: one comparison serves all types.
#pragma once

#include <vector>

#include "ops/pieces.h"

namespace eightfold {

class Ordered {
 public:
  explicit Ordered(Kind kind) : kind_(kind) {}

  // x[from + i * step] for i < count.
  void load(const TensorView& x, int64_t from, int64_t step, int64_t count);
  // -1, 0 or 1, as element a stands to b. NaN is above all numbers and equal to NaN.
  int order(int64_t a, int64_t b) const;

 private:
  Kind kind_;
  std::vector<double> floats_;
  std::vector<int64_t> integers_;  // those of uint64 with the highest bit turned
};

}  // namespace eightfold
