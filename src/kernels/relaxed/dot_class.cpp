// Asks the engine how it lowers the relaxed dot products. An answer that fits no class, or a wrong
// sum where all engines must agree, leaves the relaxed kernels unused.
#include "kernels/dot_class.h"

#include "kernels/relaxed/dot.h"

namespace eightfold {
namespace {

// Read when asked, so that no compiler answers in the engine's place.
v128_t splat(int value) {
  volatile int8_t byte = static_cast<int8_t>(value);
  return wasm_i8x16_splat(byte);
}

int dot2(int w, int a) { return wasm_i16x8_extract_lane(EngineDot::dot2(splat(w), splat(a)), 0); }
int dot4(int w, int a, int acc) {
  volatile int32_t start = acc;
  return wasm_i32x4_extract_lane(EngineDot::dot4(splat(w), splat(a), wasm_i32x4_splat(start)), 0);
}

// What every class computes: the second operand has its top bit clear.
bool pairs_agree() {
  for (int w : {-128, -127, -1, 0, 1, 100, 127}) {
    for (int a : {0, 1, 77, 127}) {
      if (dot2(w, a) != 2 * w * a) return false;
    }
  }
  return true;
}
bool fours_agree() {
  for (int w : {-128, -3, 0, 127}) {
    for (int a : {0, 1, 127}) {
      for (int acc : {0, 5, -1000000}) {
        if (dot4(w, a, acc) != acc + 4 * w * a) return false;
      }
    }
  }
  return true;
}

DotClass ask() {
  if (!pairs_agree()) return DotClass::kNone;
  const bool fours = fours_agree();
  const int sign = dot2(1, 0x80);
  if (sign == 256) {
    const bool exact = fours && dot4(127, 255, 0) == 129540 && dot4(-128, 255, 7) == 7 - 130560;
    return exact ? DotClass::kUnsigned : DotClass::kSaturating;
  }
  if (sign != -256 || !fours || dot4(127, -128, 0) != -65024) return DotClass::kNone;
  const int ends = dot4(-128, -128, 0);
  if (ends == 65536) return DotClass::kSigned;
  return ends == -65536 ? DotClass::kSigned16 : DotClass::kNone;
}

}  // namespace

DotClass dot_class() {
  static const DotClass answer = ask();
  return answer;
}

}  // namespace eightfold
