// Walks the output pixels of a pooling window over bytes and names the input pixels each one reads.
#pragma once

#include <vector>

#include "kernels/window.h"

namespace eightfold {

// Calls visit(taps) for every output pixel in order, batch outermost; `taps` are pointers to the
// pixels inside the input, depth outermost, possibly none.
template <class Visit>
void for_each_window(const uint8_t* x, const PoolShape& shape, Visit visit) {
  const auto& [depth, height, width] = shape.window.axes;
  std::vector<const uint8_t*> taps;
  const auto collect = [&](const uint8_t* image, int64_t od, int64_t oh, int64_t ow) {
    const TapRange d = taps_inside(depth, od);
    const TapRange h = taps_inside(height, oh);
    const TapRange w = taps_inside(width, ow);
    taps.clear();
    for (int64_t i = d.begin; i < d.end; ++i) {
      const int64_t plane = input_position(depth, od, i) * height.in;
      for (int64_t j = h.begin; j < h.end; ++j) {
        const int64_t line = (plane + input_position(height, oh, j)) * width.in;
        for (int64_t k = w.begin; k < w.end; ++k) {
          taps.push_back(image + (line + input_position(width, ow, k)) * shape.channels);
        }
      }
    }
  };
  for (int64_t n = 0; n < shape.batch; ++n) {
    const uint8_t* image = x + n * shape.window.in_size() * shape.channels;
    for (int64_t od = 0; od < depth.out; ++od) {
      for (int64_t oh = 0; oh < height.out; ++oh) {
        for (int64_t ow = 0; ow < width.out; ++ow) {
          collect(image, od, oh, ow);
          visit(taps);
        }
      }
    }
  }
}

}  // namespace eightfold
