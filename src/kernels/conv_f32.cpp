// Float convolution over channels-last images (contract in float.h).
//
// Dense: y[pixel][o] = bias[o] + sum over k = (tap, channel) of columns[pixel][k] * w[k][o]. A 1x1
// window of stride 1 reads the image as the columns, any other strips of it (strips.h).
// Depthwise: one row of output pixels at a time; a multiplier above 1 repeats the input's channels.
#include <algorithm>

#include "kernels/float.h"
#include "kernels/kernels.h"
#include "kernels/layout.h"
#include "kernels/parallel.h"
#include "kernels/strips.h"

namespace eightfold {
namespace {

void conv_pointwise(const ConvWeightsShape& weights, GemmTileF32 tile) {
  for (int64_t g = 0; g < weights.groups; ++g) {
    gemm_f32(tile);
    tile.packed += packed_dense_f32(tile.k, tile.n);
    tile.a += weights.group_in;
    tile.c += weights.group_out;
  }
}

void conv_windows(const ConvWeightsShape& weights, const ConvShape& shape, GemmTileF32 tile,
                  float* scratch) {
  const auto kernel = select<GemmFloat32>();
  const auto panels = static_cast<int64_t>(packed_dense_f32(tile.k, tile.n));
  Strips strips(shape.window, shape.in_channels, weights.group_in);
  strips.fill_tables(scratch);
  float* pixels = scratch + strips.table_bytes() / sizeof(float);
  tile.rows = strips.rows();
  tile.runs = strips.runs();
  tile.run_count = strips.run_count();
  const float* x = tile.a;
  float* y = tile.c;
  const ParallelLoop loop{strips.line_count(),
                          shape.window.width().out * tile.k * tile.n * weights.groups + 1, 1,
                          reinterpret_cast<uint8_t*>(pixels), strips.pixel_bytes()};
  for (int64_t b = 0; b < shape.batch; ++b) {
    parallel_for(loop, [&](const LoopPart& part) {
      const auto use = [&](const float* strip, int64_t first, int64_t count) {
        GemmTileF32 some = tile;
        some.m = count;
        for (int64_t g = 0; g < weights.groups; ++g) {
          some.packed = tile.packed + g * panels;
          some.a = strip + g * weights.group_in;
          some.c = y + first * tile.ldc + g * weights.group_out;
          kernel->run(some);
        }
      };
      strips.for_lines(x, part.begin, part.end, reinterpret_cast<float*>(part.scratch), use);
    });
    x += shape.window.in_size() * shape.in_channels;
    y += shape.window.out_size() * shape.out_channels;
  }
}

void conv_groups(const ConvWeightsShape& weights, const float* packed, const ConvShape& shape,
                 const float* x, float* y, ClampF32 clamp, float* scratch) {
  const GemmTileF32 tile{packed,
                         x,
                         shape.batch * shape.window.out_size(),
                         weights.taps * weights.group_in,
                         weights.group_out,
                         shape.in_channels,
                         y,
                         shape.out_channels,
                         clamp};
  if (shape.window.pointwise()) return conv_pointwise(weights, tile);
  conv_windows(weights, shape, tile, scratch);
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
  const Strips strips(shape.window, shape.in_channels, weights.group_in);
  return (strips.table_bytes() + strips.pixel_bytes()) / sizeof(float);
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
