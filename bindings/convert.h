// Values across the border: tensors, byte arrays and lists of names.
//
// A tensor crosses as {name, type, dims, data} with `data` the bytes of its elements in row-major
// order, or an array of strings. Bytes are copied in and copied out: a view into wasm memory dies
// when the memory grows, so none leaves the call that made it.
#pragma once

#include <emscripten/val.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "runtime/session.h"

namespace eightfold::bindings {

// Copies the `size` bytes of a Uint8Array to `target`.
void copy_bytes(const emscripten::val& bytes, void* target, size_t size);
std::vector<uint8_t> bytes_from_js(const emscripten::val& bytes);
emscripten::val bytes_to_js(std::span<const uint8_t> bytes);

// Throws kInvalidInput when type, dims and data do not fit each other.
Feeds feeds_from_js(const emscripten::val& list);
// Throws kInvalidType for element types that JavaScript has no array for.
emscripten::val tensors_to_js(const std::vector<NamedTensor>& tensors);

emscripten::val names_to_js(const std::vector<std::string>& names);

}  // namespace eightfold::bindings
