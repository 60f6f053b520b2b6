// The places inside a float cell, as outputs of its observed twin (recurrent.h, CellTap).
#pragma once

#include <array>
#include <cstdint>

#include "ops/recurrent.h"

namespace eightfold {

class CellTaps {
 public:
  CellTaps(const RunContext& context, CellKind kind, const RecurrentShape& shape);

  struct Item {
    int64_t step, direction, item;
  };
  // Where the step writes what its gates read (CellRow::linear), or null.
  float* linear(Item item) const { return any_ ? at(kTapLinear, item) : nullptr; }
  // Around a step: the state that is carried before it; after it, and the gates.
  void before(Item item, const float* state) const;
  void after(Item item, const float* gates, const float* state) const;

 private:
  float* at(CellTap tap, Item item) const;

  CellKind kind_;
  std::array<float*, kTapEnd - kTapLinear> taps_{};  // null: not asked for
  bool any_ = false;
  int64_t directions_, batch_, hidden_;
};

}  // namespace eightfold
