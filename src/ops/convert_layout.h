// Which layout a node's operands take, and the conversion between the two.
#pragma once

#include "ops/op.h"

namespace eightfold {

// Copies a value of rank >= 3 from one layout to the other; same dtype and logical shape.
void convert_layout(const TensorView& from, const TensorView& to);

}  // namespace eightfold
