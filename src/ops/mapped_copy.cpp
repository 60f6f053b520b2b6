// See mapped_copy.h.
#include "ops/mapped_copy.h"

#include <algorithm>
#include <cstring>

#include "ops/strides.h"

namespace eightfold {
namespace {

template <typename T>
class Copier {
 public:
  Copier(const MappedCopy& copy, T fill)
      : maps_(copy.maps), unit_row_(copy.unit_row), fill_(fill) {}

  // Returns the end of what was written. `from` is null inside a filled region.
  T* copy(size_t axis, const T* from, T* to) const {
    if (axis == maps_.size()) {
      *to = from ? *from : fill_;
      return to + 1;
    }
    if (axis + 1 == maps_.size()) return copy_row(maps_[axis], from, to);
    for (int64_t offset : maps_[axis]) {
      to = copy(axis + 1, from && offset != kFill ? from + offset : nullptr, to);
    }
    return to;
  }

 private:
  T* copy_row(const std::vector<int64_t>& map, const T* from, T* to) const {
    if (!from) return std::fill_n(to, map.size(), fill_);
    if (unit_row_) return std::copy_n(from, map.size(), to);
    for (int64_t offset : map) *to++ = offset == kFill ? fill_ : from[offset];
    return to;
  }

  const std::vector<std::vector<int64_t>>& maps_;
  bool unit_row_;
  T fill_;
};

template <typename T>
void run_as(const MappedCopy& copy, const void* from, void* to, const void* fill) {
  T value;
  std::memcpy(&value, fill, sizeof(T));
  Copier<T>(copy, value).copy(0, static_cast<const T*>(from), static_cast<T*>(to));
}

}  // namespace

MappedCopy make_mapped_copy(const TensorInfo& x, const TensorInfo& y,
                            const std::vector<std::vector<int64_t>>& maps) {
  MappedCopy copy;
  const Shape strides = physical_strides(x.shape, x.layout);
  for (size_t axis : physical_order(y.shape.size(), y.layout)) {
    copy.maps.push_back(maps[axis]);
    for (int64_t& index : copy.maps.back()) {
      if (index != kFill) index *= strides[axis];
    }
  }
  if (!copy.maps.empty()) {
    const std::vector<int64_t>& last = copy.maps.back();
    copy.unit_row = true;
    for (size_t i = 0; i < last.size(); ++i) {
      copy.unit_row = copy.unit_row && last[i] == static_cast<int64_t>(i);
    }
  }
  return copy;
}

void run_mapped_copy(const MappedCopy& copy, size_t element_bytes, const void* from, void* to,
                     const void* fill) {
  switch (element_bytes) {
    case 1: return run_as<uint8_t>(copy, from, to, fill);
    case 2: return run_as<uint16_t>(copy, from, to, fill);
    case 4: return run_as<uint32_t>(copy, from, to, fill);
    default: return run_as<uint64_t>(copy, from, to, fill);
  }
}

}  // namespace eightfold
