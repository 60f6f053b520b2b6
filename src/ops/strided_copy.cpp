// See strided_copy.h.
#include "ops/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"

namespace eightfold {
namespace {

// Sixteen bytes at a time, without a call.
template <typename T>
void copy_short_row(const T* from, T* to, int64_t n) {
  constexpr int64_t kStep = 16 / sizeof(T);
  for (; n >= kStep; n -= kStep, from += kStep, to += kStep) std::memcpy(to, from, 16);
  for (int64_t i = 0; i < n; ++i) to[i] = from[i];
}

// The two innermost axes, in blocks that stay in the first cache on both sides.
template <typename T>
void copy_plane(const T* from, T* to, const int64_t* dims, const int64_t* fs, const int64_t* ts) {
  constexpr int64_t kShortRow = 32;  // elements: below, a call of memcpy costs more than it copies
  if (fs[1] == 1 && ts[1] == 1 && dims[1] < kShortRow) {
    for (int64_t i = 0; i < dims[0]; ++i, from += fs[0], to += ts[0]) {
      copy_short_row(from, to, dims[1]);
    }
    return;
  }
  if (fs[1] == 1 && ts[1] == 1) {
    const size_t bytes = static_cast<size_t>(dims[1]) * sizeof(T);
    for (int64_t i = 0; i < dims[0]; ++i) std::memcpy(to + i * ts[0], from + i * fs[0], bytes);
    return;
  }
  constexpr int64_t kBlock = 32;
  for (int64_t i0 = 0; i0 < dims[0]; i0 += kBlock) {
    const int64_t i1 = std::min(dims[0], i0 + kBlock);
    for (int64_t j0 = 0; j0 < dims[1]; j0 += kBlock) {
      const int64_t j1 = std::min(dims[1], j0 + kBlock);
      for (int64_t i = i0; i < i1; ++i) {
        for (int64_t j = j0; j < j1; ++j) to[i * ts[0] + j * ts[1]] = from[i * fs[0] + j * fs[1]];
      }
    }
  }
}

template <typename T>
void copy_box(const StridedCopy& copy, const T* from, T* to) {
  // The box as planes: missing inner axes count as one element.
  const size_t rank = copy.dims.size();
  const size_t outer = rank < 2 ? 0 : rank - 2;
  int64_t dims[2] = {1, 1}, fs[2] = {0, 1}, ts[2] = {0, 1};
  for (size_t d = outer; d < rank; ++d) {
    const size_t at = d + 2 - rank;
    dims[at] = copy.dims[d];
    fs[at] = copy.from[d];
    ts[at] = copy.to[d];
  }
  from += copy.from_offset;
  to += copy.to_offset;
  std::array<int64_t, kMaxCopyRank> index{};
  for (;;) {
    copy_plane(from, to, dims, fs, ts);
    size_t d = outer;
    for (; d > 0; --d) {
      from += copy.from[d - 1];
      to += copy.to[d - 1];
      if (++index[d - 1] < copy.dims[d - 1]) break;
      from -= copy.from[d - 1] * copy.dims[d - 1];
      to -= copy.to[d - 1] * copy.dims[d - 1];
      index[d - 1] = 0;
    }
    if (d == 0) return;
  }
}

}  // namespace

StridedCopy simplified(const StridedCopy& copy) {
  StridedCopy merged;
  merged.from_offset = copy.from_offset;
  merged.to_offset = copy.to_offset;
  for (size_t d = 0; d < copy.dims.size(); ++d) {
    const int64_t dim = copy.dims[d];
    if (dim == 1) continue;
    if (!merged.dims.empty() && merged.from.back() == copy.from[d] * dim &&
        merged.to.back() == copy.to[d] * dim) {
      merged.dims.back() *= dim;
      merged.from.back() = copy.from[d];
      merged.to.back() = copy.to[d];
      continue;
    }
    merged.dims.push_back(dim);
    merged.from.push_back(copy.from[d]);
    merged.to.push_back(copy.to[d]);
  }
  if (merged.dims.size() > kMaxCopyRank) {
    throw Error(ErrorCode::kLimitExceeded, "too many axes: " + shape_text(copy.dims));
  }
  return merged;
}

void run_copy(const StridedCopy& copy, size_t element_bytes, const void* from, void* to) {
  if (std::ranges::find(copy.dims, 0) != copy.dims.end()) return;
  switch (element_bytes) {
    case 1: return copy_box(copy, static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to));
    case 2: return copy_box(copy, static_cast<const uint16_t*>(from), static_cast<uint16_t*>(to));
    case 4: return copy_box(copy, static_cast<const uint32_t*>(from), static_cast<uint32_t*>(to));
    case 8: return copy_box(copy, static_cast<const uint64_t*>(from), static_cast<uint64_t*>(to));
    default:
      throw Error(ErrorCode::kInvalidType,
                  "elements of " + std::to_string(element_bytes) + " bytes cannot be moved");
  }
}

}  // namespace eightfold
