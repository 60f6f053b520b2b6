// The second half of a transposed convolution: the products of one input pixel, [taps][group_out],
// add to the output pixels that its taps meet.
#pragma once

#include <cstdint>

#include "kernels/window.h"

namespace eightfold {

// y: the image of `channels` elements per pixel, at the first channel of the group.
template <typename T>
void scatter_columns(const Window& window, int64_t pixel, const T* columns, int64_t group_out,
                     int64_t channels, T* y) {
  const WindowAxis& depth = window.depth();
  const WindowAxis& height = window.height();
  const WindowAxis& width = window.width();
  const int64_t plane = height.out * width.out;
  const int64_t d = pixel / plane, h = pixel % plane / width.out, w = pixel % width.out;
  const TapRange d_taps = taps_inside(depth, d), h_taps = taps_inside(height, h),
                 w_taps = taps_inside(width, w);
  for (int64_t td = d_taps.begin; td < d_taps.end; ++td) {
    for (int64_t th = h_taps.begin; th < h_taps.end; ++th) {
      const int64_t row =
          (input_position(depth, d, td) * height.in + input_position(height, h, th)) * width.in;
      for (int64_t tw = w_taps.begin; tw < w_taps.end; ++tw) {
        const T* from = columns + ((td * height.kernel + th) * width.kernel + tw) * group_out;
        T* to = y + (row + input_position(width, w, tw)) * channels;
        for (int64_t o = 0; o < group_out; ++o) to[o] += from[o];
      }
    }
  }
}

}  // namespace eightfold
