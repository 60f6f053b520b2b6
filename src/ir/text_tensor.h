// A tensor in a few words.
#pragma once

#include <string>
#include <string_view>

#include "core/tensor.h"

namespace eightfold {

std::string number_text(double number);          // shortest of 9 digits
std::string string_text(std::string_view text);  // quoted, unprintable bytes as \xNN, cut off
std::string tensor_text(const Tensor& tensor);   // "float32[2,2] {1, 2, 3, 4} #8c736521"

}  // namespace eightfold
