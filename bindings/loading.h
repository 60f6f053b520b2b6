// Loading in two steps, so that external data comes slice by slice, from sources that answer later,
// straight into the buffers of the tensors: the file is parsed first, its data is filled in then.
#pragma once

#include <emscripten/val.h>

#include "bindings/handles.h"

namespace eightfold::bindings {

// Parses the file; no external data has memory yet.
LoadingHandle start_loading(const emscripten::val& bytes);
// [{tensor, location, offset, length}]; what is not filled after reserve_parts() is undefined.
emscripten::val loading_parts(const LoadingHandle& loading);
// Takes the memory of all parts at once. Throws kOutOfMemory before anything is read.
void reserve_parts(LoadingHandle& loading);
// Copies `bytes` to `at` of a part.
void fill_part(LoadingHandle& loading, double part, double at, const emscripten::val& bytes);
// The model. Without reserve_parts() it tells about itself, and its external tensors have no data.
ModelHandle finish_loading(LoadingHandle& loading);

}  // namespace eightfold::bindings
