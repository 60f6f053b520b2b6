// The double nearest to a decimal number; what strtod does, in a fraction of its size.
#pragma once

#include <string_view>

namespace eightfold {

// Of a text such as "-12.5e-3", which must be well-formed: digits with a point and an exponent or
// without. Infinity where no double is large enough. Digits beyond the 19th are cut: 17 of them
// tell all doubles apart.
double nearest_double(std::string_view text);

}  // namespace eightfold
