// Names of the classes; the answer of builds that hold no relaxed instruction.
#include "kernels/dot_class.h"

#include <array>

namespace eightfold {

std::string_view dot_class_name(DotClass dot_class) {
  constexpr std::array<std::string_view, 5> kNames{"none", "saturating", "unsigned", "signed 16",
                                                   "signed"};
  return kNames[static_cast<size_t>(dot_class)];
}

#ifndef EIGHTFOLD_RELAXED
DotClass dot_class() { return DotClass::kNone; }
#endif

}  // namespace eightfold
