// Einsum.
#pragma once

#include "ops/op.h"

namespace eightfold {

OpDef einsum_row();

}  // namespace eightfold
