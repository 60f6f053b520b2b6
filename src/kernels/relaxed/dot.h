// The relaxed dot products as the engine gives them: what generic/dense_dot8.h calls `Dot`.
#pragma once

#include "kernels/dot_class.h"
#include "kernels/simd.h"

namespace eightfold {

// The first operand is signed; how the second is read is for the engine to say.
struct EngineDot {
  static v128_t dot2(v128_t w, v128_t a) { return wasm_i16x8_relaxed_dot_i8x16_i7x16(w, a); }
  static v128_t dot4(v128_t w, v128_t a, v128_t acc) {
    return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(w, a, acc);
  }
  static DotClass lowering() { return dot_class(); }
};

}  // namespace eightfold
