// Walks the output pixels of a pooling window over bytes and names the input pixels each one reads.
#pragma once

#include <vector>

#include "kernels/parallel.h"
#include "kernels/window.h"

namespace eightfold {

// Calls visit(pixel, taps, scratch) for every output pixel, numbered batch outermost, on several
// threads; `taps` are pointers to the pixels inside the input, depth outermost, possibly none.
template <class Visit>
void for_each_window(const uint8_t* x, const PoolShape& shape, uint8_t* scratch,
                     size_t scratch_bytes, Visit visit) {
  const auto& [depth, height, width] = shape.window.axes;
  const auto collect = [&](const uint8_t* image, int64_t od, int64_t oh, int64_t ow,
                           std::vector<const uint8_t*>& taps) {
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
  const int64_t lines = depth.out * height.out;
  const int64_t image_bytes = shape.window.in_size() * shape.channels;
  const int64_t line_cost = width.out * (shape.channels * shape.window.taps() + 100);
  const ParallelLoop loop{shape.batch * lines, line_cost, 1, scratch, scratch_bytes};
  parallel_for(loop, [&](const LoopPart& part) {
    std::vector<const uint8_t*> taps;
    for (int64_t line = part.begin; line < part.end; ++line) {
      const uint8_t* image = x + line / lines * image_bytes;
      for (int64_t ow = 0; ow < width.out; ++ow) {
        collect(image, line % lines / height.out, line % height.out, ow, taps);
        visit(line * width.out + ow, taps, part.scratch);
      }
    }
  });
}

}  // namespace eightfold
