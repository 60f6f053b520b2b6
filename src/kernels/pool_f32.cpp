// Float pools over channels-last images (contract in float.h): the pixels under a window are rows
// that MaxRows or SumRows reduces into the output pixel.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/float.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace eightfold {
namespace {

constexpr int64_t kRows = 64;  // reduced at once; the result is the first row of the next lot

// Collects rows and hands them on in lots: reduce(rows, count, last).
template <class Reduce>
class Lots {
 public:
  Lots(const float* result, Reduce reduce) : result_(result), reduce_(reduce) {}
  void add(const float* row) {
    if (count_ == kRows) {
      reduce_(rows_.data(), count_, false);
      rows_[0] = result_;
      count_ = 1;
    }
    rows_[static_cast<size_t>(count_++)] = row;
  }
  void finish() { reduce_(rows_.data(), count_, true); }

 private:
  const float* result_;
  Reduce reduce_;
  std::array<const float*, kRows> rows_;
  int64_t count_ = 0;
};

// Taps of one axis up to the end of the padding (a window may reach past it under ceil_mode).
int64_t padded_taps(const WindowAxis& axis, int64_t out) {
  WindowAxis padded = axis;
  padded.in = axis.in + axis.pad + axis.pad_end;
  padded.pad = 0;
  return taps_inside(padded, out).count();
}

struct WindowTaps {
  TapRange depth, height, width;
  int64_t count() const { return depth.count() * height.count() * width.count(); }
};

template <class Reduce>
void reduce_window(const float* image, const PoolShape& shape, std::array<int64_t, 3> pixel,
                   const WindowTaps& taps, const float* y, Reduce reduce) {
  const Window& window = shape.window;
  Lots lots(y, reduce);
  for (int64_t d = taps.depth.begin; d < taps.depth.end; ++d) {
    const int64_t z = input_position(window.depth(), pixel[0], d) * window.height().in;
    for (int64_t h = taps.height.begin; h < taps.height.end; ++h) {
      const int64_t row = (z + input_position(window.height(), pixel[1], h)) * window.width().in;
      for (int64_t w = taps.width.begin; w < taps.width.end; ++w) {
        lots.add(image + (row + input_position(window.width(), pixel[2], w)) * shape.channels);
      }
    }
  }
  lots.finish();
}

// visit(image, pixel, taps, y) for every output pixel.
template <class Visit>
void for_each_pixel(const float* x, const PoolShape& shape, float* y, Visit visit) {
  const Window& window = shape.window;
  const int64_t width = window.width().out, height = window.height().out;
  const int64_t lines = window.depth().out * height, line_floats = width * shape.channels;
  const ParallelLoop loop{shape.batch * lines, line_floats * window.taps() + 1};
  parallel_for(loop, [&](const LoopPart& part) {
    for (int64_t line = part.begin; line < part.end; ++line) {
      const float* image = x + line / lines * window.in_size() * shape.channels;
      float* to = y + line * line_floats;
      const int64_t d = line % lines / height, h = line % height;
      for (int64_t w = 0; w < width; ++w, to += shape.channels) {
        const WindowTaps taps{taps_inside(window.depth(), d), taps_inside(window.height(), h),
                              taps_inside(window.width(), w)};
        visit(image, std::array<int64_t, 3>{d, h, w}, taps, to);
      }
    }
  });
}

template <class Reduce>
void reduce_pixels(const float* x, int64_t pixels, int64_t channels, const float* y,
                   Reduce reduce) {
  Lots lots(y, reduce);
  for (int64_t i = 0; i < pixels; ++i) lots.add(x + i * channels);
  lots.finish();
}

}  // namespace

void max_pool_f32(const float* x, const PoolShape& shape, float* y) {
  const auto kernel = select<MaxRowsFloat32>();
  for_each_pixel(x, shape, y,
                 [&](const float* image, auto pixel, const WindowTaps& taps, float* to) {
                   if (taps.count() == 0) {
                     std::fill_n(to, shape.channels, -std::numeric_limits<float>::infinity());
                     return;
                   }
                   reduce_window(image, shape, pixel, taps, to,
                                 [&](const float* const* rows, int64_t count, bool) {
                                   kernel->run(rows, count, shape.channels, to);
                                 });
                 });
}

void average_pool_f32(const float* x, const PoolShape& shape, PoolCount counting, float* y) {
  const auto kernel = select<SumRowsFloat32>();
  const Window& window = shape.window;
  for_each_pixel(
      x, shape, y, [&](const float* image, auto pixel, const WindowTaps& taps, float* to) {
        if (taps.count() == 0) {
          std::fill_n(to, shape.channels, 0.0f);
          return;
        }
        int64_t divisor = taps.count();
        if (counting == PoolCount::kWithPadding) {
          divisor = padded_taps(window.depth(), pixel[0]) * padded_taps(window.height(), pixel[1]) *
                    padded_taps(window.width(), pixel[2]);
        }
        const float scale = 1.0f / static_cast<float>(divisor);
        reduce_window(image, shape, pixel, taps, to,
                      [&](const float* const* rows, int64_t count, bool last) {
                        kernel->run(rows, count, shape.channels, last ? scale : 1.0f, to);
                      });
      });
}

void lp_pool_f32(const float* x, const PoolShape& shape, int64_t p, float* y) {
  const auto power = static_cast<float>(p);
  for_each_pixel(x, shape, y,
                 [&](const float* image, auto pixel, const WindowTaps& taps, float* to) {
                   std::fill_n(to, shape.channels, 0.0f);
                   reduce_window(image, shape, pixel, taps, to,
                                 [&](const float* const* rows, int64_t count, bool) {
                                   for (int64_t r = rows[0] == to ? 1 : 0; r < count; ++r) {
                                     for (int64_t c = 0; c < shape.channels; ++c) {
                                       const float a = std::fabs(rows[r][c]);
                                       to[c] += p == 1 ? a : p == 2 ? a * a : std::pow(a, power);
                                     }
                                   }
                                 });
                   for (int64_t c = 0; p > 1 && c < shape.channels; ++c) {
                     to[c] = p == 2 ? std::sqrt(to[c]) : std::pow(to[c], 1.0f / power);
                   }
                 });
}

void global_average_pool_f32(const float* x, int64_t batch, int64_t pixels, int64_t channels,
                             float* y) {
  const auto kernel = select<SumRowsFloat32>();
  const float scale = 1.0f / static_cast<float>(pixels);
  for (int64_t b = 0; b < batch; ++b, x += pixels * channels, y += channels) {
    reduce_pixels(x, pixels, channels, y, [&](const float* const* rows, int64_t count, bool last) {
      kernel->run(rows, count, channels, last ? scale : 1.0f, y);
    });
  }
}

void global_max_pool_f32(const float* x, int64_t batch, int64_t pixels, int64_t channels,
                         float* y) {
  const auto kernel = select<MaxRowsFloat32>();
  for (int64_t b = 0; b < batch; ++b, x += pixels * channels, y += channels) {
    reduce_pixels(x, pixels, channels, y, [&](const float* const* rows, int64_t count, bool) {
      kernel->run(rows, count, channels, y);
    });
  }
}

}  // namespace eightfold
