// Conversion between element types: what Cast computes, for whoever stores or reads another type.
#pragma once

#include "core/tensor.h"

namespace eightfold {

// to[i] = from[i] in memory order, for to.size() elements; the rules are at the head of cast.cpp.
// False when one of the dtypes is none that can be cast.
bool cast_elements(const TensorView& from, const TensorView& to);

}  // namespace eightfold
