// Walks the output pixels of a pooling window over bytes and names the input pixels each one reads.
#pragma once

#include <vector>

#include "kernels/parallel.h"
#include "kernels/window.h"

namespace eightfold {

// Consecutive pixels of one line of the output, numbered batch outermost, that read equally many
// input pixels: taps[p * count + t], those inside the input, depth outermost.
struct WindowRun {
  int64_t pixel, pixels;
  const uint8_t* const* taps;
  int64_t count;  // per pixel, possibly 0
};

// Calls visit(run) for runs that cover the output, on several threads.
template <class Visit>
void for_each_window(const uint8_t* x, const PoolShape& shape, Visit visit) {
  const auto& [depth, height, width] = shape.window.axes;
  const int64_t lines = depth.out * height.out;
  const int64_t image_bytes = shape.window.in_size() * shape.channels;
  const auto collect_lines = [&](const uint8_t* image, int64_t od, int64_t oh,
                                 std::vector<const uint8_t*>& starts) {
    const TapRange d = taps_inside(depth, od), h = taps_inside(height, oh);
    starts.clear();
    for (int64_t i = d.begin; i < d.end; ++i) {
      const int64_t plane = input_position(depth, od, i) * height.in;
      for (int64_t j = h.begin; j < h.end; ++j) {
        starts.push_back(image +
                         (plane + input_position(height, oh, j)) * width.in * shape.channels);
      }
    }
  };
  const int64_t line_cost = width.out * (shape.channels * shape.window.taps() + 100);
  parallel_for({shape.batch * lines, line_cost}, [&](const LoopPart& part) {
    std::vector<const uint8_t*> starts, taps;
    for (int64_t line = part.begin; line < part.end; ++line) {
      const uint8_t* image = x + line / lines * image_bytes;
      collect_lines(image, line % lines / height.out, line % height.out, starts);
      taps.clear();
      WindowRun run{line * width.out, 0, nullptr, 0};
      const auto flush = [&](int64_t next) {
        run.taps = taps.data();
        if (run.pixels > 0) visit(run);
        run.pixel += run.pixels;
        run.pixels = 0;
        run.count = next;
        taps.clear();
      };
      for (int64_t ow = 0; ow < width.out; ++ow) {
        const TapRange w = taps_inside(width, ow);
        const int64_t count = static_cast<int64_t>(starts.size()) * w.count();
        if (count != run.count) flush(count);
        for (const uint8_t* start : starts) {
          for (int64_t k = w.begin; k < w.end; ++k) {
            taps.push_back(start + input_position(width, ow, k) * shape.channels);
          }
        }
        ++run.pixels;
      }
      flush(0);
    }
  });
}

}  // namespace eightfold
