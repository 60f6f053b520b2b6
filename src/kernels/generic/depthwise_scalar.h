// Depthwise int8 convolution of one output row, scalar.
//
//   acc[x][o] = bias[o] + sum_{r, t} (in[r][x * stride + t * dilation - pad][o / multiplier] - za)
//                                    * w[o][r][t]
// Packed: biases, scales, then int16 weights [taps][channels].
#pragma once

#include "kernels/generic/requantize.h"

namespace eightfold::generic {

inline size_t depthwise_scalar_bytes(int64_t channels, int64_t row_count, int64_t width_taps) {
  return static_cast<size_t>(channels) * (8 + 2 * static_cast<size_t>(row_count * width_taps));
}

inline void depthwise_scalar_pack(const DepthwiseWeights& weights, int64_t, uint8_t* packed) {
  auto* bias = reinterpret_cast<int32_t*>(packed);
  auto* scale = reinterpret_cast<float*>(bias + weights.channels);
  auto* taps = reinterpret_cast<int16_t*>(scale + weights.channels);
  for (int64_t c = 0; c < weights.channels; ++c) {
    const auto i = static_cast<size_t>(c);
    bias[c] = weights.bias.empty() ? 0 : weights.bias[i];
    scale[c] = weights.scale.empty() ? 1.0f : weights.scale[i];
    for (int64_t t = 0; t < weights.taps; ++t) {
      taps[t * weights.channels + c] = static_cast<int16_t>(weights.at(c, t));
    }
  }
}

inline size_t depthwise_scalar_scratch(int64_t, const WindowAxis&) { return 0; }

inline void depthwise_scalar_run(const DepthwiseRow& row) {
  const auto* bias = reinterpret_cast<const int32_t*>(row.packed);
  const auto* scale = reinterpret_cast<const float*>(bias + row.channels);
  const auto* taps = reinterpret_cast<const int16_t*>(scale + row.channels);
  const WindowAxis& w = row.width;
  for (int64_t x = 0; x < w.out; ++x) {
    for (int64_t c = 0; c < row.channels; ++c) {
      int32_t acc = bias[c];
      for (int64_t r = 0; r < row.row_count; ++r) {
        if (row.rows[r] == nullptr) continue;
        for (int64_t t = 0; t < w.kernel; ++t) {
          const int64_t at = x * w.stride + t * w.dilation - w.pad;
          if (at < 0 || at >= w.in) continue;
          const int64_t i = at * row.in_channels + c / row.multiplier;
          const int32_t a = int8_at(row.rows[r], row.is_signed, i) - row.zero_point;
          acc = add_product(acc, a, taps[(r * w.kernel + t) * row.channels + c]);
        }
      }
      store_sum(acc, scale[c], row.out, x * row.channels + c, c);
    }
  }
}

}  // namespace eightfold::generic
