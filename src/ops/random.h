// RandomNormal, RandomUniform, their ...Like, Bernoulli.
#pragma once

#include <vector>

#include "ops/op.h"

namespace eightfold {

void add_random_rows(std::vector<OpDef>& rows);

}  // namespace eightfold
