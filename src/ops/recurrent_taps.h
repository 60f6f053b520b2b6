// The places inside a float LSTM cell, as outputs of its observed twin (recurrent.h, CellTap).
#pragma once

#include <array>
#include <cstdint>

#include "ops/recurrent.h"

namespace eightfold {

class CellTaps {
 public:
  CellTaps(const RunContext& context, const RecurrentShape& shape);

  struct Item {
    int64_t step, direction, item;
  };
  // Around a step: the gates' products of X and H before it, the gates after it.
  void before(Item at, const float* x_gates, const float* h_gates, const float* c) const;
  void after(Item at, const float* gates, const float* c) const;

 private:
  float* tap(CellTap tap, Item at) const;

  std::array<float*, kTapEnd - kTapLinear> taps_{};  // null: not asked for
  bool any_ = false;
  int64_t directions_, batch_, hidden_;
};

}  // namespace eightfold
