// Where the next part of a scratch block begins.
#pragma once

#include "core/tensor.h"

namespace eightfold {

constexpr size_t aligned(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace eightfold
