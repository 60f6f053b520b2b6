// Depthwise int8 convolution of one output row on 16-bit pairs, 16 channels at a time.
//
// The input rows of the window are taken two by two and interleaved into a line buffer: for each
// column and pair of rows, 16 channels x (r[2p], r[2p+1]) as i16. Padding holds the zero point
// there, which is taken off once per channel. Then, for 4 channels and 4 output pixels at once,
//   acc = bias - za * (sum of w);  acc += dot_i16x8(line[x * stride + t * dilation][p], w[t][p])
// Channel groups start every 16 channels; the last one is moved back to end at the last channel, so
// with 16 channels or more nothing is partial. Packed weights per group:
//   [bias i32 x 16][scale f32 x 16][sum of w i32 x 16] then per 4 channels [width tap][pair]
//   vectors of i16 pairs.
#pragma once

#include <algorithm>

#include "kernels/generic/requantize.h"
#include "kernels/generic/simd_requantize.h"

namespace eightfold::generic {

inline constexpr int64_t kDepthwiseGroup = 16;

inline constexpr size_t kDepthwiseHeader = 192;  // bytes before the weights of a group

inline int64_t depthwise_group_start(int64_t group, int64_t channels) {
  return std::max<int64_t>(0, std::min(group * kDepthwiseGroup, channels - kDepthwiseGroup));
}
inline int64_t depthwise_groups(int64_t channels) {
  return (channels + kDepthwiseGroup - 1) / kDepthwiseGroup;
}
inline size_t depthwise_group_bytes(int64_t pairs, int64_t width_taps) {
  return kDepthwiseHeader + 64 * static_cast<size_t>(pairs * width_taps);
}

inline size_t depthwise_dot16_bytes(int64_t channels, int64_t row_count, int64_t width_taps) {
  return static_cast<size_t>(depthwise_groups(channels)) *
         depthwise_group_bytes((row_count + 1) / 2, width_taps);
}

inline void depthwise_dot16_pack_group(const DepthwiseWeights& weights, int64_t start,
                                       int64_t width_taps, uint8_t* group) {
  auto* bias = reinterpret_cast<int32_t*>(group);
  auto* scale = reinterpret_cast<float*>(bias + 16);
  auto* sum = reinterpret_cast<int32_t*>(scale + 16);
  auto* vectors = reinterpret_cast<int16_t*>(sum + 16);
  const int64_t row_count = weights.taps / width_taps;
  const int64_t pairs = (row_count + 1) / 2;
  for (int64_t i = 0; i < 16; ++i) {
    const int64_t c = start + i;
    const bool real = c < weights.channels;
    const auto at = static_cast<size_t>(c);
    bias[i] = real && !weights.bias.empty() ? weights.bias[at] : 0;
    scale[i] = !real ? 0.0f : weights.scale.empty() ? 1.0f : weights.scale[at];
    sum[i] = 0;
    int16_t* quad = vectors + (i / 4) * width_taps * pairs * 8 + (i % 4) * 2;
    for (int64_t t = 0; t < width_taps; ++t) {
      for (int64_t r = 0; r < 2 * pairs; ++r) {
        const int32_t w = real && r < row_count ? weights.at(c, r * width_taps + t) : 0;
        quad[(t * pairs + r / 2) * 8 + r % 2] = static_cast<int16_t>(w);
        sum[i] += w;
      }
    }
  }
}

inline void depthwise_dot16_pack(const DepthwiseWeights& weights, int64_t width_taps,
                                 uint8_t* packed) {
  const size_t bytes = depthwise_group_bytes((weights.taps / width_taps + 1) / 2, width_taps);
  for (int64_t g = 0; g < depthwise_groups(weights.channels); ++g) {
    depthwise_dot16_pack_group(weights, depthwise_group_start(g, weights.channels), width_taps,
                               packed + static_cast<size_t>(g) * bytes);
  }
}

// Columns of the line buffer: those some window touches.
inline int64_t line_columns(const WindowAxis& width) {
  return width.out <= 0 ? 0
                        : (width.out - 1) * width.stride + (width.kernel - 1) * width.dilation + 1;
}

inline size_t depthwise_dot16_scratch(int64_t row_count, const WindowAxis& width) {
  return static_cast<size_t>(line_columns(width)) * 64 * static_cast<size_t>((row_count + 1) / 2);
}

// Sixteen channels of one pixel from `start`, where they are not sixteen bytes in a row.
inline v128_t gather_channels(const DepthwiseRow& call, const uint8_t* pixel, int64_t start) {
  uint8_t bytes[16];
  const int64_t last = call.channels - 1;
  for (int64_t i = 0; i < 16; ++i) bytes[i] = pixel[std::min(start + i, last) / call.multiplier];
  return wasm_v128_load(bytes);
}

template <bool is_signed>
void store_pair(v128_t top, v128_t bottom, uint8_t* line) {
  const v128_t low =
      wasm_i8x16_shuffle(top, bottom, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const v128_t high =
      wasm_i8x16_shuffle(top, bottom, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  wasm_v128_store(line, widen_low<is_signed>(low));
  wasm_v128_store(line + 16, widen_high<is_signed>(low));
  wasm_v128_store(line + 32, widen_low<is_signed>(high));
  wasm_v128_store(line + 48, widen_high<is_signed>(high));
}

// One input row as the fill reads it: a missing one repeats 16 bytes of zero point. Sixteen bytes
// may be read from its first `readable` pixels.
struct FillRow {
  const uint8_t* at;
  int64_t step;
  int64_t readable;
};

// `pixels` columns of a pair of rows; `step` bytes between columns of the line buffer.
template <bool is_signed, bool direct>
void fill_columns(const DepthwiseRow& call, int64_t start, FillRow top, FillRow bottom,
                  int64_t pixels, uint8_t* line, size_t step) {
  const auto read = [&](const FillRow& row, int64_t x) {
    const bool whole = direct || x < row.readable;
    return whole ? wasm_v128_load(row.at) : gather_channels(call, row.at, start);
  };
  for (int64_t x = 0; x < pixels; ++x, line += step) {
    store_pair<is_signed>(read(top, x), read(bottom, x), line);
    top.at += top.step;
    bottom.at += bottom.step;
  }
}

template <bool is_signed>
void fill_pair(const DepthwiseRow& call, int64_t start, int64_t pair, uint8_t* line,
               int64_t columns) {
  const bool direct = call.multiplier == 1 && call.channels >= 16;
  alignas(16) uint8_t blank[16];
  std::memset(blank, static_cast<uint8_t>(call.zero_point), sizeof blank);
  const size_t step = 64 * static_cast<size_t>((call.row_count + 1) / 2);
  const int64_t first = std::min(call.width.pad, columns);
  const int64_t last = std::clamp(call.width.pad + call.width.in, first, columns);
  FillRow rows[2];
  for (int64_t r = 0; r < 2; ++r) {
    const int64_t at = 2 * pair + r;
    const uint8_t* row = at < call.row_count ? call.rows[at] : nullptr;
    // With fewer than 16 channels the next pixel's come along: not near the end of the row.
    const int64_t bytes = call.width.in * call.in_channels - 16;
    const int64_t readable = call.multiplier == 1 && bytes >= 0 ? bytes / call.in_channels + 1 : 0;
    rows[r] = row ? FillRow{direct ? row + start : row, call.in_channels, readable}
                  : FillRow{blank, 0, columns};
  }
  uint8_t* out = line + static_cast<size_t>(pair) * 64;
  const v128_t zero = wasm_i16x8_splat(static_cast<int16_t>(call.zero_point));
  const auto pad = [&](int64_t count) {
    for (int64_t x = 0; x < count; ++x, out += step) {
      for (int i = 0; i < 4; ++i) wasm_v128_store(out + 16 * i, zero);
    }
  };
  pad(first);
  const auto fill = direct ? fill_columns<is_signed, true> : fill_columns<is_signed, false>;
  fill(call, start, rows[0], rows[1], last - first, out, step);
  out += static_cast<size_t>(last - first) * step;
  pad(columns - last);
}

// Distances of one row in the line buffer, in bytes; and the window along the width.
struct DepthwiseSteps {
  int64_t taps, pairs;
  size_t pixel, tap;  // between output pixels, between width taps
};

// The same as constants, for the common windows: offsets become part of the load instructions.
template <int64_t Taps, int64_t Pairs, size_t Stride>
struct FixedSteps {
  static constexpr int64_t taps = Taps, pairs = Pairs;
  static constexpr size_t tap = 64 * static_cast<size_t>(Pairs), pixel = Stride * tap;
  explicit FixedSteps(const DepthwiseSteps&) {}
};

// P pixels by 4 channels.
template <int P, class Steps>
inline void depthwise_sums(const Steps& steps, const uint8_t* line, const uint8_t* w, v128_t bias,
                           v128_t (&acc)[4]) {
  for (int i = 0; i < 4; ++i) acc[i] = bias;
  for (int64_t t = 0; t < steps.taps; ++t) {
    for (int64_t p = 0; p < steps.pairs; ++p) {
      const v128_t weight = wasm_v128_load(w + 16 * (t * steps.pairs + p));
      const uint8_t* at = line + static_cast<size_t>(t) * steps.tap + 64 * p;
      for (int i = 0; i < P; ++i) {
        const v128_t a = wasm_v128_load(at + static_cast<size_t>(i) * steps.pixel);
        acc[i] = wasm_i32x4_add(acc[i], wasm_i32x4_dot_i16x8(a, weight));
      }
    }
  }
}

template <bool is_signed>
struct DepthwiseSink {
  RoundVectors round;
  v128_t high;
  size_t pixel_bytes;

  v128_t bytes(const v128_t (&acc)[4], v128_t scale) const {
    return min_bytes<is_signed>(narrow_bytes<is_signed>(requantize_vector(acc[0], scale, round),
                                                        requantize_vector(acc[1], scale, round),
                                                        requantize_vector(acc[2], scale, round),
                                                        requantize_vector(acc[3], scale, round)),
                                high);
  }
  void store4(v128_t z, uint8_t* to) const {
    wasm_v128_store32_lane(to, z, 0);
    wasm_v128_store32_lane(to + pixel_bytes, z, 1);
    wasm_v128_store32_lane(to + 2 * pixel_bytes, z, 2);
    wasm_v128_store32_lane(to + 3 * pixel_bytes, z, 3);
  }
};

// A group of up to 16 channels of one output row, its line buffer filled.
struct DepthwiseGroup {
  const uint8_t* line;
  const uint8_t* packed;
  int32_t zero_point;
  int64_t channels, out_width;
  uint8_t* out;
};

// Four channels from 4 * quad on; fewer than four only when there are fewer than 16 channels.
template <bool is_signed, class Steps>
inline void depthwise_quad(const Steps& steps, const DepthwiseSink<is_signed>& sink,
                           const DepthwiseGroup& group, int64_t quad) {
  const uint8_t* header = group.packed + 16 * quad;
  const uint8_t* line = group.line + 16 * quad;
  const uint8_t* w = group.packed + kDepthwiseHeader + 16 * quad * steps.taps * steps.pairs;
  const v128_t scale = wasm_v128_load(header + 64);
  const v128_t zeros =
      wasm_i32x4_mul(wasm_v128_load(header + 128), wasm_i32x4_splat(group.zero_point));
  const v128_t bias = wasm_i32x4_sub(wasm_v128_load(header), zeros);
  uint8_t* out = group.out + 4 * quad;
  const int64_t wanted = std::min<int64_t>(4, group.channels - 4 * quad);
  v128_t acc[4];
  int64_t x = 0;
  if (wanted == 4 && group.out_width >= 4) {
    for (; x < group.out_width; x += 4) {
      x = std::min(x, group.out_width - 4);  // the last four overlap the ones before
      depthwise_sums<4>(steps, line + static_cast<size_t>(x) * steps.pixel, w, bias, acc);
      sink.store4(sink.bytes(acc, scale), out + static_cast<size_t>(x) * sink.pixel_bytes);
    }
  }
  for (; x < group.out_width; ++x) {
    depthwise_sums<1>(steps, line + static_cast<size_t>(x) * steps.pixel, w, bias, acc);
    store_bytes(out + static_cast<size_t>(x) * sink.pixel_bytes, sink.bytes(acc, scale), wanted);
  }
}

template <bool is_signed, class Steps>
void depthwise_quads(const DepthwiseSteps& given, const DepthwiseSink<is_signed>& to,
                     const DepthwiseGroup& group) {
  const Steps steps(given);
  const DepthwiseSink<is_signed> sink = to;  // a copy, so that stores cannot change it
  for (int64_t quad = 0; 4 * quad < group.channels; ++quad) {
    depthwise_quad(steps, sink, group, quad);
  }
}

template <bool is_signed>
auto choose_quads(const WindowAxis& width, int64_t pairs) {
  const auto fits = [&](int64_t taps, int64_t stride) {
    return width.kernel == taps && pairs == (taps + 1) / 2 && width.stride == stride &&
           width.dilation == 1;
  };
  auto quads = depthwise_quads<is_signed, DepthwiseSteps>;
  if (fits(3, 1)) quads = depthwise_quads<is_signed, FixedSteps<3, 2, 1>>;
  if (fits(3, 2)) quads = depthwise_quads<is_signed, FixedSteps<3, 2, 2>>;
  if (fits(5, 1)) quads = depthwise_quads<is_signed, FixedSteps<5, 3, 1>>;
  if (fits(5, 2)) quads = depthwise_quads<is_signed, FixedSteps<5, 3, 2>>;
  return quads;
}

template <bool is_signed>
void depthwise_dot16_row(const DepthwiseRow& call) {
  const WindowAxis& width = call.width;
  const int64_t pairs = (call.row_count + 1) / 2;
  const int64_t columns = line_columns(width);
  const size_t column_bytes = 64 * static_cast<size_t>(pairs);
  const DepthwiseSteps steps{width.kernel, pairs, static_cast<size_t>(width.stride) * column_bytes,
                             static_cast<size_t>(width.dilation) * column_bytes};
  const DepthwiseSink<is_signed> sink{RoundVectors(call.out.zero_point, call.out.lo),
                                      splat_byte(call.out.hi), static_cast<size_t>(call.channels)};
  const size_t group_bytes = depthwise_group_bytes(pairs, width.kernel);
  const auto quads = choose_quads<is_signed>(width, pairs);
  const auto fill = call.is_signed ? fill_pair<true> : fill_pair<false>;
  auto* out = static_cast<uint8_t*>(call.out.data);
  for (int64_t g = 0; g < depthwise_groups(call.channels); ++g) {
    const int64_t start = depthwise_group_start(g, call.channels);
    for (int64_t p = 0; p < pairs; ++p) fill(call, start, p, call.scratch, columns);
    quads(steps, sink,
          {call.scratch, call.packed + static_cast<size_t>(g) * group_bytes, call.zero_point,
           std::min(kDepthwiseGroup, call.channels - start), width.out, out + start});
  }
}

inline void depthwise_dot16_run(const DepthwiseRow& call) {
  call.out.dtype == DType::kInt8 ? depthwise_dot16_row<true>(call)
                                 : depthwise_dot16_row<false>(call);
}

}  // namespace eightfold::generic
