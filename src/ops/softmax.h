// Softmax and LogSoftmax.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

void add_softmax_rows(std::vector<OpDef>& rows);

}  // namespace eightfold
