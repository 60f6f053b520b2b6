// What a file that is no ONNX model looks like instead.
#pragma once

#include <string>
#include <string_view>

namespace eightfold {

// "a PNG image", or "" when the first bytes are of no kind known here.
std::string_view recognize(std::string_view bytes);
// The Error for bytes that are not a model; `reason` says what was missing or broken.
[[noreturn]] void throw_not_onnx(std::string_view bytes, const std::string& reason);

}  // namespace eightfold
