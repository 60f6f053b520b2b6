// Float convolution over channels-last images (contract in float.h).
//
// Dense: y[pixel][o] = bias[o] + sum over k = (tap, channel) of columns[pixel][k] * w[k][o]. A 1x1
// window of stride 1 reads the image as the columns; any other gathers a block of pixels first.
// Depthwise: one row of output pixels at a time; a multiplier above 1 repeats the input's channels.
#include <algorithm>
#include <array>

#include "kernels/float.h"
#include "kernels/kernels.h"
#include "kernels/layout.h"
#include "kernels/parallel.h"
#include "kernels/simd.h"

namespace eightfold {
namespace {

constexpr int64_t kBlockFloats = 64 * 1024;  // of gathered columns
constexpr int64_t kMaxBlockRows = 256;

int64_t block_rows(int64_t k, int64_t pixels) {
  const int64_t rows =
      std::clamp(kBlockFloats / std::max<int64_t>(k, 1), int64_t{4}, kMaxBlockRows);
  return std::min(rows / 4 * 4, std::max<int64_t>(pixels, 1));
}

// Runs are short (a few taps of a few channels), so no call.
inline void copy_run(const float* from, int64_t count, float* to) {
  const auto size = static_cast<size_t>(count);
  size_t i = 0;
  for (; i + 4 <= size; i += 4) wasm_v128_store(to + i, wasm_v128_load(from + i));
  for (; i < size; ++i) to[i] = from[i];
}

// Fills the columns of one output pixel: [depth taps][height taps][width taps][group_in].
class Gatherer {
 public:
  Gatherer(const Window& window, int64_t channels, int64_t group_in)
      : window_(window), channels_(channels), group_in_(group_in) {}

  void gather(const float* image, const std::array<int64_t, 3>& pixel, float* columns) const {
    const WindowAxis& depth = window_.depth();
    const WindowAxis& height = window_.height();
    const TapRange taps = taps_inside(window_.width(), pixel[2]);
    const int64_t row_floats = window_.width().kernel * group_in_;
    for (int64_t d = 0; d < depth.kernel; ++d) {
      const int64_t z = input_position(depth, pixel[0], d);
      for (int64_t h = 0; h < height.kernel; ++h, columns += row_floats) {
        const int64_t y = input_position(height, pixel[1], h);
        if (z < 0 || z >= depth.in || y < 0 || y >= height.in) {
          std::fill_n(columns, row_floats, 0.0f);
        } else {
          gather_row(image + (z * height.in + y) * window_.width().in * channels_, pixel[2], taps,
                     columns);
        }
      }
    }
  }

 private:
  void gather_row(const float* row, int64_t x, TapRange taps, float* columns) const {
    const WindowAxis& width = window_.width();
    if (taps.count() == 0) {
      std::fill_n(columns, width.kernel * group_in_, 0.0f);
      return;
    }
    if (taps.begin > 0) std::fill_n(columns, taps.begin * group_in_, 0.0f);
    const float* from = row + input_position(width, x, taps.begin) * channels_;
    float* to = columns + taps.begin * group_in_;
    const bool contiguous = width.dilation == 1 && group_in_ == channels_;
    const int64_t runs = contiguous ? 1 : taps.count();
    const int64_t run = contiguous ? taps.count() * channels_ : group_in_;
    for (int64_t t = 0; t < runs; ++t, to += run, from += width.dilation * channels_) {
      copy_run(from, run, to);
    }
    if (taps.end < width.kernel) {
      std::fill_n(columns + taps.end * group_in_, (width.kernel - taps.end) * group_in_, 0.0f);
    }
  }

  const Window& window_;
  int64_t channels_, group_in_;
};

std::array<int64_t, 3> pixel_at(const Window& window, int64_t index) {
  const int64_t width = window.width().out, height = window.height().out;
  return {index / width / height, index / width % height, index % width};
}

void next_pixel(const Window& window, std::array<int64_t, 3>& pixel) {
  if (++pixel[2] < window.width().out) return;
  pixel[2] = 0;
  if (++pixel[1] < window.height().out) return;
  pixel[1] = 0;
  ++pixel[0];
}

// One image and one group; x and y point at the group's first channel.
void conv_dense(const GemmTileF32& base, const ConvShape& shape, int64_t group_in, const float* x,
                float* y, float* scratch) {
  const Gatherer gatherer(shape.window, shape.in_channels, group_in);
  const int64_t pixels = shape.window.out_size();
  const int64_t block = block_rows(base.k, pixels);
  const auto kernel = select<GemmFloat32>();
  const size_t scratch_bytes = static_cast<size_t>(block * base.k) * sizeof(float);
  const ParallelLoop loop{pixels, base.k * base.n + 1, 4, reinterpret_cast<uint8_t*>(scratch),
                          scratch_bytes};
  parallel_for(loop, [&](const LoopPart& part) {
    auto* columns = reinterpret_cast<float*>(part.scratch);
    GemmTileF32 tile = base;
    tile.a = columns;
    tile.lda = base.k;
    std::array<int64_t, 3> pixel = pixel_at(shape.window, part.begin);
    for (int64_t first = part.begin; first < part.end; first += block) {
      tile.m = std::min(block, part.end - first);
      for (int64_t i = 0; i < tile.m; ++i, next_pixel(shape.window, pixel)) {
        gatherer.gather(x, pixel, columns + i * base.k);
      }
      tile.c = y + first * base.ldc;
      kernel->run(tile);
    }
  });
}

void conv_groups(const ConvWeightsShape& weights, const float* packed, const ConvShape& shape,
                 const float* x, float* y, ClampF32 clamp, float* scratch) {
  const int64_t k = weights.taps * weights.group_in, n = weights.group_out;
  const int64_t in_image = shape.window.in_size() * shape.in_channels;
  const int64_t out_image = shape.window.out_size() * shape.out_channels;
  for (int64_t g = 0; g < weights.groups; ++g, packed += packed_dense_f32(k, n)) {
    const float* from = x + g * weights.group_in;
    float* to = y + g * weights.group_out;
    GemmTileF32 tile{packed,
                     from,
                     shape.batch * shape.window.out_size(),
                     k,
                     n,
                     shape.in_channels,
                     to,
                     shape.out_channels,
                     clamp};
    if (shape.window.pointwise()) {
      gemm_f32(tile);
      continue;
    }
    for (int64_t b = 0; b < shape.batch; ++b) {
      conv_dense(tile, shape, weights.group_in, from + b * in_image, to + b * out_image, scratch);
    }
  }
}

// to[pixel][c * times + j] = from[pixel][c]
void repeat_channels(const float* from, int64_t count, int64_t times, float* to) {
  for (int64_t i = 0; i < count; ++i, to += times) std::fill_n(to, times, from[i]);
}

void depthwise_image(const float* packed, const ConvShape& shape, const float* x, float* y,
                     ClampF32 clamp) {
  const auto kernel = select<DepthwiseFloat32>();
  const WindowAxis& depth = shape.window.depth();
  const WindowAxis& height = shape.window.height();
  const WindowAxis& width = shape.window.width();
  const int64_t row_floats = width.out * shape.out_channels;
  const ParallelLoop loop{depth.out * height.out, row_floats * shape.window.taps() + 1};
  parallel_for(loop, [&](const LoopPart& part) {
    const float* rows[kMaxDepthwiseTaps];
    DepthwiseRowF32 row{packed + shape.out_channels,
                        packed,
                        rows,
                        depth.kernel * height.kernel,
                        shape.out_channels,
                        width,
                        y + part.begin * row_floats,
                        clamp};
    for (int64_t line = part.begin; line < part.end; ++line, row.out += row_floats) {
      for (int64_t r = 0; r < row.row_count; ++r) {
        const int64_t iz = input_position(depth, line / height.out, r / height.kernel);
        const int64_t iy = input_position(height, line % height.out, r % height.kernel);
        const bool inside = iz >= 0 && iz < depth.in && iy >= 0 && iy < height.in;
        rows[r] = inside ? x + (iz * height.in + iy) * width.in * shape.out_channels : nullptr;
      }
      kernel->run(row);
    }
  });
}

void conv_depthwise(const ConvWeightsShape& weights, const float* packed, const ConvShape& shape,
                    const float* x, float* y, ClampF32 clamp, float* scratch) {
  const int64_t in_image = shape.window.in_size() * shape.in_channels;
  const int64_t out_image = shape.window.out_size() * shape.out_channels;
  for (int64_t b = 0; b < shape.batch; ++b, x += in_image, y += out_image) {
    const float* image = x;
    if (weights.group_out > 1) {
      repeat_channels(x, in_image, weights.group_out, scratch);
      image = scratch;
    }
    depthwise_image(packed, shape, image, y, clamp);
  }
}

// bias [channels], then [taps][channels], for the depthwise kernel.
size_t packed_depthwise(const ConvWeightsShape& shape) {
  return static_cast<size_t>(shape.groups * shape.group_out * (shape.taps + 1));
}

void pack_depthwise(const ConvWeightsShape& shape, const float* weights, const float* bias,
                    float* packed) {
  const int64_t channels = shape.groups * shape.group_out;
  for (int64_t c = 0; c < channels; ++c) packed[c] = bias ? bias[c] : 0.0f;
  transpose_images(weights, packed + channels, 1, channels, shape.taps, sizeof(float));
}

size_t packed_groups(const ConvWeightsShape& shape) {
  return static_cast<size_t>(shape.groups) *
         packed_dense_f32(shape.taps * shape.group_in, shape.group_out);
}

void pack_groups(const ConvWeightsShape& shape, const float* weights, const float* bias,
                 float* packed) {
  const int64_t k = shape.taps * shape.group_in;
  DenseWeightsF32 group{weights, shape.taps, shape.group_in, shape.group_out, 1, shape.taps, k,
                        bias,    1.0f};
  for (int64_t g = 0; g < shape.groups; ++g) {
    pack_dense_f32(group, packed);
    packed += packed_dense_f32(k, shape.group_out);
    group.data += shape.group_out * k;
    if (bias) group.bias += shape.group_out;
  }
}

}  // namespace

size_t packed_conv_f32(const ConvWeightsShape& weights) {
  return weights.depthwise() ? packed_depthwise(weights) : packed_groups(weights);
}

void pack_conv_f32(const ConvWeightsShape& shape, const float* weights, const float* bias,
                   float* packed) {
  if (shape.depthwise()) {
    pack_depthwise(shape, weights, bias, packed);
  } else {
    pack_groups(shape, weights, bias, packed);
  }
}

size_t conv_scratch_f32(const ConvWeightsShape& weights, const ConvShape& shape) {
  if (weights.depthwise()) {
    if (weights.group_out == 1) return 0;
    return static_cast<size_t>(shape.window.in_size() * shape.out_channels);
  }
  if (shape.window.pointwise()) return 0;
  const int64_t k = weights.taps * weights.group_in;
  return static_cast<size_t>(k * block_rows(k, shape.window.out_size()));
}

void conv_f32(const ConvWeightsShape& weights, const float* packed, const ConvShape& shape,
              const float* x, float* y, ClampF32 clamp, float* scratch) {
  if (weights.depthwise()) {
    conv_depthwise(weights, packed, shape, x, y, clamp, scratch);
  } else {
    conv_groups(weights, packed, shape, x, y, clamp, scratch);
  }
}

}  // namespace eightfold
