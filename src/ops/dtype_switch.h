// Calls a generic lambda with the C++ type of a dtype, out of a list of types that a row supports.
//
//   dtype_switch<float, int32_t>(dtype, [&](auto tag) { using T = decltype(tag); ... })
#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/tensor.h"

namespace eightfold {

// False when the dtype is none of the types.
template <typename... Types, typename F>
bool dtype_switch(DType dtype, F&& call) {
  return ((dtype == DTypeOf<Types>::kValue && (call(Types{}), true)) || ...);
}

// By element size alone: for operators that move data. Strings and sub-byte types are false.
template <typename F>
bool size_switch(DType dtype, F&& call) {
  switch (dtype_bits(dtype)) {
    case 8: return call(uint8_t{}), true;
    case 16: return call(uint16_t{}), true;
    case 32: return call(uint32_t{}), true;
    case 64: return call(uint64_t{}), true;
    default: return false;
  }
}

template <typename Context>
[[noreturn]] void refuse_dtype(const Context& context, DType dtype) {
  context.fail(ErrorCode::kInvalidType,
               "dtype " + std::string(dtype_name(dtype)) + " is not supported here");
}

}  // namespace eightfold
