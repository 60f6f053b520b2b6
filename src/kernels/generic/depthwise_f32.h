// Body of DepthwiseFloat32: four channels at a time, up to four neighbouring pixels share a weight.
// Pixels whose taps all lie inside the row run in fours; those at the edges run one by one.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/float.h"
#include "kernels/generic/vector_f32.h"

namespace eightfold {
namespace {

// C channels (4, or 1 for the tail) of X pixels; `taps` of the width are inside the row.
template <int X, bool Tail>
inline void depthwise_pixels(const DepthwiseRowF32& row, TapRange taps, int64_t pixel,
                             size_t channel) {
  const size_t channels = static_cast<size_t>(row.channels);
  const auto load = [](const float* at) {
    return Tail ? wasm_v128_load32_splat(at) : wasm_v128_load(at);
  };
  const auto kernel = static_cast<size_t>(row.width.kernel);
  const size_t x_step = static_cast<size_t>(row.width.stride) * channels;
  const size_t tap_step = static_cast<size_t>(row.width.dilation) * channels;
  const auto first = static_cast<size_t>(taps.begin), count = static_cast<size_t>(taps.count());
  const ptrdiff_t origin = static_cast<ptrdiff_t>(input_position(row.width, pixel, taps.begin)) *
                               static_cast<ptrdiff_t>(channels) +
                           static_cast<ptrdiff_t>(channel);

  v128_t acc[X];
  for (int x = 0; x < X; ++x) acc[x] = load(row.bias + channel);
  for (int64_t r = 0; r < row.row_count; ++r) {
    if (!row.rows[r] || !count) continue;
    const float* in = row.rows[r] + origin;
    const float* weight =
        row.weights + (static_cast<size_t>(r) * kernel + first) * channels + channel;
    for (size_t t = 0; t < count; ++t, in += tap_step, weight += channels) {
      const v128_t w = load(weight);
      for (int x = 0; x < X; ++x) {
        acc[x] = multiply_add(load(in + static_cast<size_t>(x) * x_step), w, acc[x]);
      }
    }
  }
  const v128_t lo = wasm_f32x4_splat(row.clamp.lo), hi = wasm_f32x4_splat(row.clamp.hi);
  float* out = row.out + static_cast<size_t>(pixel) * channels + channel;
  for (int x = 0; x < X; ++x, out += channels) {
    const v128_t y = clamp_f32(acc[x], lo, hi);
    if (Tail) {
      *out = wasm_f32x4_extract_lane(y, 0);
    } else {
      wasm_v128_store(out, y);
    }
  }
}

template <int X>
inline void depthwise_channels(const DepthwiseRowF32& row, TapRange taps, int64_t pixel) {
  const size_t channels = static_cast<size_t>(row.channels), whole = channels / 4 * 4;
  for (size_t c = 0; c < whole; c += 4) depthwise_pixels<X, false>(row, taps, pixel, c);
  for (size_t c = whole; c < channels; ++c) depthwise_pixels<X, true>(row, taps, pixel, c);
}

void depthwise_f32_run(const DepthwiseRowF32& row) {
  const WindowAxis& width = row.width;
  const TapRange all{0, width.kernel};
  const auto inside = [&](int64_t x) { return taps_inside(width, x).count() == width.kernel; };
  for (int64_t x = 0; x < width.out;) {
    if (x + 4 <= width.out && inside(x) && inside(x + 3)) {
      depthwise_channels<4>(row, all, x);
      x += 4;
    } else {
      depthwise_channels<1>(row, taps_inside(width, x), x);
      x += 1;
    }
  }
}

}  // namespace
}  // namespace eightfold
