// Depthwise int8 convolution of one output row, 16 channels at a time, by dot products down the
// rows.
//
// The input rows of the window are taken in sets (two as i16, or four as bytes) and interleaved
// into a line buffer: for each column and set of rows, 16 channels x (r[0], r[1], ...). Padding
// holds the zero point there, which is taken off once per channel. Then, for 4 channels and 4
// output pixels at once, with z = za + what a form adds to the activations,
//   acc = bias - z * (sum of w);  acc += dot(line[x * stride + t * dilation][set], w[t][set])
// Channel groups start every 16 channels; the last one is moved back to end at the last channel, so
// with 16 channels or more nothing is partial. Packed weights per group:
//   [bias i32 x 16][scale f32 x 16][sum of w i32 x 16] then per 4 channels [width tap][set]
//   vectors of weights, a set of rows per channel.
// `Form` says what a set is: Dot16 below, and the relaxed ones in depthwise_dot8.h.
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

template <class Form>
int64_t depthwise_sets(int64_t row_count) {
  return (row_count + Form::kRows - 1) / Form::kRows;
}

template <class Form>
size_t depthwise_bytes(int64_t channels, int64_t row_count, int64_t width_taps) {
  return static_cast<size_t>(depthwise_groups(channels)) *
         depthwise_group_bytes(depthwise_sets<Form>(row_count), width_taps);
}

template <class Form>
void depthwise_pack_group(const DepthwiseWeights& weights, int64_t start, int64_t width_taps,
                          uint8_t* group) {
  using Weight = typename Form::Weight;
  auto* bias = reinterpret_cast<int32_t*>(group);
  auto* scale = reinterpret_cast<float*>(bias + 16);
  auto* sum = reinterpret_cast<int32_t*>(scale + 16);
  auto* vectors = reinterpret_cast<Weight*>(sum + 16);
  constexpr int64_t kRows = Form::kRows;
  const int64_t row_count = weights.taps / width_taps;
  const int64_t sets = depthwise_sets<Form>(row_count);
  for (int64_t i = 0; i < 16; ++i) {
    const int64_t c = start + i;
    const bool real = c < weights.channels;
    const auto at = static_cast<size_t>(c);
    bias[i] = real && !weights.bias.empty() ? weights.bias[at] : 0;
    scale[i] = !real ? 0.0f : weights.scale.empty() ? 1.0f : weights.scale[at];
    sum[i] = 0;
    Weight* quad = vectors + ((i / 4) * width_taps * sets * 4 + i % 4) * kRows;
    for (int64_t t = 0; t < width_taps; ++t) {
      for (int64_t r = 0; r < kRows * sets; ++r) {
        const int32_t w = real && r < row_count ? weights.at(c, r * width_taps + t) : 0;
        quad[(t * sets + r / kRows) * 4 * kRows + r % kRows] = static_cast<Weight>(w);
        sum[i] += w;
      }
    }
  }
}

template <class Form>
void depthwise_pack(const DepthwiseWeights& weights, int64_t width_taps, uint8_t* packed) {
  const size_t bytes =
      depthwise_group_bytes(depthwise_sets<Form>(weights.taps / width_taps), width_taps);
  for (int64_t g = 0; g < depthwise_groups(weights.channels); ++g) {
    depthwise_pack_group<Form>(weights, depthwise_group_start(g, weights.channels), width_taps,
                               packed + static_cast<size_t>(g) * bytes);
  }
}

// Columns of the line buffer: those some window touches.
inline int64_t line_columns(const WindowAxis& width) {
  return width.out <= 0 ? 0
                        : (width.out - 1) * width.stride + (width.kernel - 1) * width.dilation + 1;
}

template <class Form>
size_t depthwise_scratch(int64_t row_count, const WindowAxis& width) {
  return static_cast<size_t>(line_columns(width) * 64 * depthwise_sets<Form>(row_count));
}

// Sixteen channels of one pixel from `start`, where they are not sixteen bytes in a row.
inline v128_t gather_channels(const DepthwiseRow& call, const uint8_t* pixel, int64_t start) {
  uint8_t bytes[16];
  const int64_t last = call.channels - 1;
  for (int64_t i = 0; i < 16; ++i) bytes[i] = pixel[std::min(start + i, last) / call.multiplier];
  return wasm_v128_load(bytes);
}

// Two rows as 16-bit numbers: exact whatever they hold.
struct Dot16 {
  static constexpr int64_t kRows = 2;
  using Weight = int16_t;
  static int32_t offset(bool) { return 0; }
  static void store_zero(int32_t zero, uint8_t* line, bool) {
    const v128_t zeros = wasm_i16x8_splat(static_cast<int16_t>(zero));
    for (int i = 0; i < 4; ++i) wasm_v128_store(line + 16 * i, zeros);
  }
  template <bool is_signed>
  static void store(const v128_t (&rows)[2], uint8_t* line) {
    const v128_t low = wasm_i8x16_shuffle(rows[0], rows[1], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5,
                                          21, 6, 22, 7, 23);
    const v128_t high = wasm_i8x16_shuffle(rows[0], rows[1], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                           13, 29, 14, 30, 15, 31);
    wasm_v128_store(line, widen_low<is_signed>(low));
    wasm_v128_store(line + 16, widen_high<is_signed>(low));
    wasm_v128_store(line + 32, widen_low<is_signed>(high));
    wasm_v128_store(line + 48, widen_high<is_signed>(high));
  }
  static v128_t add(v128_t acc, v128_t a, v128_t w) {
    return wasm_i32x4_add(acc, wasm_i32x4_dot_i16x8(a, w));
  }
};

// One input row as the fill reads it: a missing one repeats 16 bytes of zero point. Sixteen bytes
// may be read from its first `readable` pixels.
struct FillRow {
  const uint8_t* at;
  int64_t step;
  int64_t readable;
};

// `pixels` columns of a set of rows; `step` bytes between columns of the line buffer.
template <class Form, bool is_signed, bool direct>
void fill_columns(const DepthwiseRow& call, int64_t start, FillRow (&rows)[Form::kRows],
                  int64_t pixels, uint8_t* line, size_t step) {
  for (int64_t x = 0; x < pixels; ++x, line += step) {
    v128_t bytes[Form::kRows];
    for (int r = 0; r < Form::kRows; ++r) {
      const bool whole = direct || x < rows[r].readable;
      bytes[r] = whole ? wasm_v128_load(rows[r].at) : gather_channels(call, rows[r].at, start);
      rows[r].at += rows[r].step;
    }
    Form::template store<is_signed>(bytes, line);
  }
}

template <class Form, bool is_signed>
void fill_set(const DepthwiseRow& call, int64_t start, int64_t set, uint8_t* line,
              int64_t columns) {
  const bool direct = call.multiplier == 1 && call.channels >= 16;
  alignas(16) uint8_t blank[16];
  std::memset(blank, static_cast<uint8_t>(call.zero_point), sizeof blank);
  const size_t step = static_cast<size_t>(64 * depthwise_sets<Form>(call.row_count));
  const int64_t first = std::min(call.width.pad, columns);
  const int64_t last = std::clamp(call.width.pad + call.width.in, first, columns);
  FillRow rows[Form::kRows];
  for (int64_t r = 0; r < Form::kRows; ++r) {
    const int64_t at = Form::kRows * set + r;
    const uint8_t* row = at < call.row_count ? call.rows[at] : nullptr;
    // With fewer than 16 channels the next pixel's come along: not near the end of the row.
    const int64_t bytes = call.width.in * call.in_channels - 16;
    const int64_t readable = call.multiplier == 1 && bytes >= 0 ? bytes / call.in_channels + 1 : 0;
    rows[r] = row ? FillRow{direct ? row + start : row, call.in_channels, readable}
                  : FillRow{blank, 0, columns};
  }
  uint8_t* out = line + static_cast<size_t>(set) * 64;
  const auto pad = [&](int64_t count) {
    for (int64_t x = 0; x < count; ++x, out += step)
      Form::store_zero(call.zero_point, out, is_signed);
  };
  pad(first);
  const auto fill =
      direct ? fill_columns<Form, is_signed, true> : fill_columns<Form, is_signed, false>;
  fill(call, start, rows, last - first, out, step);
  out += static_cast<size_t>(last - first) * step;
  pad(columns - last);
}

// Distances of one row in the line buffer, in bytes; and the window along the width.
struct DepthwiseSteps {
  int64_t taps, sets;
  size_t pixel, tap;  // between output pixels, between width taps
};

// The same as constants, for the common windows: offsets become part of the load instructions.
template <int64_t Taps, int64_t Sets, size_t Stride>
struct FixedSteps {
  static constexpr int64_t taps = Taps, sets = Sets;
  static constexpr size_t tap = 64 * static_cast<size_t>(Sets), pixel = Stride * tap;
  explicit FixedSteps(const DepthwiseSteps&) {}
};

// P pixels by 4 channels.
template <class Form, int P, class Steps>
inline void depthwise_sums(const Steps& steps, const uint8_t* line, const uint8_t* w, v128_t bias,
                           v128_t (&acc)[4]) {
  for (int i = 0; i < 4; ++i) acc[i] = bias;
  for (int64_t t = 0; t < steps.taps; ++t) {
    for (int64_t s = 0; s < steps.sets; ++s) {
      const v128_t weight = wasm_v128_load(w + 16 * (t * steps.sets + s));
      const uint8_t* at = line + static_cast<size_t>(t) * steps.tap + 64 * s;
      for (int i = 0; i < P; ++i) {
        const v128_t a = wasm_v128_load(at + static_cast<size_t>(i) * steps.pixel);
        acc[i] = Form::add(acc[i], a, weight);
      }
    }
  }
}

template <bool is_signed>
struct DepthwiseSink {
  RoundVectors round;
  v128_t high;
  size_t pixel_bytes;

  // slopes: of these channels, or null.
  v128_t bytes(const v128_t (&acc)[4], v128_t scale, const float* slopes) const {
    v128_t q[4];
    for (int i = 0; i < 4; ++i) {
      q[i] = slopes ? requantize_vector(acc[i], scale, wasm_v128_load(slopes), round)
                    : requantize_vector(acc[i], scale, round);
    }
    return min_bytes<is_signed>(narrow_bytes<is_signed>(q[0], q[1], q[2], q[3]), high);
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
  const float* slopes;
};

// Four channels from 4 * quad on; fewer than four only when there are fewer than 16 channels.
template <class Form, bool is_signed, class Steps>
inline void depthwise_quad(const Steps& steps, const DepthwiseSink<is_signed>& sink,
                           const DepthwiseGroup& group, int64_t quad) {
  const uint8_t* header = group.packed + 16 * quad;
  const uint8_t* line = group.line + 16 * quad;
  const uint8_t* w = group.packed + kDepthwiseHeader + 16 * quad * steps.taps * steps.sets;
  const v128_t scale = wasm_v128_load(header + 64);
  const v128_t zeros =
      wasm_i32x4_mul(wasm_v128_load(header + 128), wasm_i32x4_splat(group.zero_point));
  const v128_t bias = wasm_i32x4_sub(wasm_v128_load(header), zeros);
  uint8_t* out = group.out + 4 * quad;
  const float* slopes = group.slopes ? group.slopes + 4 * quad : nullptr;
  const int64_t wanted = std::min<int64_t>(4, group.channels - 4 * quad);
  v128_t acc[4];
  int64_t x = 0;
  if (wanted == 4 && group.out_width >= 4) {
    for (; x < group.out_width; x += 4) {
      x = std::min(x, group.out_width - 4);  // the last four overlap the ones before
      depthwise_sums<Form, 4>(steps, line + static_cast<size_t>(x) * steps.pixel, w, bias, acc);
      sink.store4(sink.bytes(acc, scale, slopes), out + static_cast<size_t>(x) * sink.pixel_bytes);
    }
  }
  for (; x < group.out_width; ++x) {
    depthwise_sums<Form, 1>(steps, line + static_cast<size_t>(x) * steps.pixel, w, bias, acc);
    store_bytes(out + static_cast<size_t>(x) * sink.pixel_bytes, sink.bytes(acc, scale, slopes),
                wanted);
  }
}

template <class Form, bool is_signed, class Steps>
void depthwise_quads(const DepthwiseSteps& given, const DepthwiseSink<is_signed>& to,
                     const DepthwiseGroup& group) {
  const Steps steps(given);
  const DepthwiseSink<is_signed> sink = to;  // a copy, so that stores cannot change it
  for (int64_t quad = 0; 4 * quad < group.channels; ++quad) {
    depthwise_quad<Form>(steps, sink, group, quad);
  }
}

template <class Form, bool is_signed>
auto choose_quads(const WindowAxis& width, int64_t sets) {
  constexpr int64_t kSets3 = (3 + Form::kRows - 1) / Form::kRows;
  constexpr int64_t kSets5 = (5 + Form::kRows - 1) / Form::kRows;
  const auto fits = [&](int64_t taps, int64_t of, int64_t stride) {
    return width.kernel == taps && sets == of && width.stride == stride && width.dilation == 1;
  };
  auto quads = depthwise_quads<Form, is_signed, DepthwiseSteps>;
  if (fits(3, kSets3, 1)) quads = depthwise_quads<Form, is_signed, FixedSteps<3, kSets3, 1>>;
  if (fits(3, kSets3, 2)) quads = depthwise_quads<Form, is_signed, FixedSteps<3, kSets3, 2>>;
  if (fits(5, kSets5, 1)) quads = depthwise_quads<Form, is_signed, FixedSteps<5, kSets5, 1>>;
  if (fits(5, kSets5, 2)) quads = depthwise_quads<Form, is_signed, FixedSteps<5, kSets5, 2>>;
  return quads;
}

template <class Form, bool is_signed>
void depthwise_row(const DepthwiseRow& call) {
  const WindowAxis& width = call.width;
  const int64_t sets = depthwise_sets<Form>(call.row_count);
  const int64_t columns = line_columns(width);
  const auto column_bytes = static_cast<size_t>(64 * sets);
  const DepthwiseSteps steps{width.kernel, sets, static_cast<size_t>(width.stride) * column_bytes,
                             static_cast<size_t>(width.dilation) * column_bytes};
  const DepthwiseSink<is_signed> sink{RoundVectors(call.out.zero_point, call.out.lo),
                                      splat_byte(call.out.hi), static_cast<size_t>(call.channels)};
  const size_t group_bytes = depthwise_group_bytes(sets, width.kernel);
  const auto quads = choose_quads<Form, is_signed>(width, sets);
  const auto fill = call.is_signed ? fill_set<Form, true> : fill_set<Form, false>;
  auto* out = static_cast<uint8_t*>(call.out.data);
  for (int64_t g = 0; g < depthwise_groups(call.channels); ++g) {
    const int64_t start = depthwise_group_start(g, call.channels);
    for (int64_t s = 0; s < sets; ++s) fill(call, start, s, call.scratch, columns);
    quads(steps, sink,
          {call.scratch, call.packed + static_cast<size_t>(g) * group_bytes,
           call.zero_point + Form::offset(call.is_signed),
           std::min(kDepthwiseGroup, call.channels - start), width.out, out + start,
           call.out.slopes ? call.out.slopes + start : nullptr});
  }
}

template <class Form>
void depthwise_run(const DepthwiseRow& call) {
  call.out.dtype == DType::kInt8 ? depthwise_row<Form, true>(call)
                                 : depthwise_row<Form, false>(call);
}

template <class Form>
constexpr DepthwiseInt8 depthwise_kernel(bool (*fits)(const DepthwiseWeights&, int64_t)) {
  return {fits, depthwise_bytes<Form>, depthwise_pack<Form>, depthwise_scratch<Form>,
          depthwise_run<Form>};
}

}  // namespace eightfold::generic
