// How an engine lowers the relaxed dot products of bytes, whose result WebAssembly leaves open.
//
// The second operand is read as signed or unsigned, and sums of two products may saturate or wrap
// at 16 bits. The class decides which kernel runs, never what it computes: a kernel is used where
// its sums provably come out the same. See performance.md, section 5.
#pragma once

#include <cstdint>
#include <string_view>

namespace eightfold {

enum class DotClass : uint8_t {
  kNone,        // unknown answers: no relaxed kernel runs
  kSaturating,  // signed x unsigned, sums of pairs saturate at 16 bits (x86 before VNNI)
  kUnsigned,    // signed x unsigned; exact with the 32-bit sum (VNNI)
  kSigned16,    // signed x signed, sums of pairs wrap at 16 bits (Arm without dot products)
  kSigned,      // signed x signed; exact with the 32-bit sum (Arm sdot)
};
std::string_view dot_class_name(DotClass dot_class);

constexpr bool reads_unsigned(DotClass dot_class) {
  return dot_class == DotClass::kSaturating || dot_class == DotClass::kUnsigned;
}

// Of this engine, asked once; kNone in builds without relaxed SIMD.
DotClass dot_class();

}  // namespace eightfold
