// GRU and RNN with the values of each place rounded as its observer says, in double, from the float
// weights: what the integer ops are held against.
#pragma once

#include <vector>

#include "ops/recurrent.h"

#include "support/lstm.h"
#include "support/routed.h"

namespace eightfold::test {

// Y of a forward layer named 'cell' of one batch item, in steps of its scale.
std::vector<double> simulate_cells(const Routed& routed, const LstmSpec& spec, CellKind kind,
                                   bool linear_before_reset);

}  // namespace eightfold::test
