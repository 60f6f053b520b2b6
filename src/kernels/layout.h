// Plain <-> channels-last: a transpose of each image.
//   plain [N, C, S]  <->  channels-last [N, S, C]      S = product of the spatial dims
#pragma once

#include <cstddef>
#include <cstdint>

namespace eightfold {

// to[b][c][r] = from[b][r][c] for elements of 1, 2, 4 or 8 bytes; kInternal otherwise. From plain
// to channels-last rows = C, cols = S; back rows = S, cols = C.
void transpose_images(const void* from, void* to, int64_t batch, int64_t rows, int64_t cols,
                      size_t element_bytes);

}  // namespace eightfold
