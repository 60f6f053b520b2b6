// Operators that pick or reorder along an axis: ReverseSequence, Compress, Unique.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

void add_pick_rows(std::vector<OpDef>& rows);

}  // namespace eightfold
