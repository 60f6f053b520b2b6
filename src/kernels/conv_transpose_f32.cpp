// Float transposed convolution over channels-last images (contract in float.h).
//   columns[pixel][(tap, o)] = sum_c x[pixel][c] * w[c][o][tap]       a GEMM per block of pixels
//   y[pixel * stride + tap * dilation - pad][o] += columns[pixel][(tap, o)]
#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/float.h"
#include "kernels/layout.h"
#include "kernels/scatter_columns.h"

namespace eightfold {
namespace {

constexpr int64_t kBlockFloats = 64 * 1024;  // of columns
constexpr int64_t kMaxBlockRows = 256;

int64_t block_rows(int64_t columns, int64_t pixels) {
  const int64_t rows =
      std::clamp(kBlockFloats / std::max<int64_t>(columns, 1), int64_t{4}, kMaxBlockRows);
  return std::min(rows, std::max<int64_t>(pixels, 1));
}

void clamp_all(float* y, int64_t count, ClampF32 clamp) {
  for (int64_t i = 0; i < count; ++i) {
    const float raised = y[i] < clamp.lo ? clamp.lo : y[i];
    y[i] = clamp.hi < raised ? clamp.hi : raised;
  }
}

}  // namespace

void pack_turned_conv_f32(const ConvWeightsShape& shape, const float* weights, const float* bias,
                          float* packed) {
  // [c][o][tap] of a group to [o][c][tap from the last one]
  const int64_t group = shape.group_in * shape.group_out;
  std::vector<float> turned(static_cast<size_t>(shape.groups * group * shape.taps));
  auto to = turned.begin();
  for (int64_t g = 0; g < shape.groups; ++g, weights += group * shape.taps) {
    for (int64_t i = 0; i < group; ++i, to += shape.taps) {
      const int64_t o = i / shape.group_in, c = i % shape.group_in;
      std::reverse_copy(weights + (c * shape.group_out + o) * shape.taps,
                        weights + (c * shape.group_out + o + 1) * shape.taps, to);
    }
  }
  pack_conv_f32(shape, turned.data(), bias, packed);
}

Window turned_window(const Window& window) {
  Window turned = window;
  for (WindowAxis& axis : turned.axes) {
    std::swap(axis.in, axis.out);
    const int64_t reach = (axis.kernel - 1) * axis.dilation;
    axis.pad = reach - axis.pad;
    axis.pad_end = axis.out + reach - axis.in - axis.pad;
  }
  return turned;
}

size_t packed_conv_transpose_f32(const ConvWeightsShape& weights) {
  return static_cast<size_t>(weights.groups * weights.group_out) +
         static_cast<size_t>(weights.groups) *
             packed_dense_f32(weights.group_in, weights.taps * weights.group_out);
}

void pack_conv_transpose_f32(const ConvWeightsShape& shape, const float* weights, const float* bias,
                             float* packed) {
  const int64_t channels = shape.groups * shape.group_out;
  const int64_t n = shape.taps * shape.group_out;
  for (int64_t c = 0; c < channels; ++c) *packed++ = bias ? bias[c] : 0.0f;
  std::vector<float> ordered(static_cast<size_t>(shape.group_in * n));  // [c][tap][o]
  const DenseWeightsF32 group{ordered.data(), 1, shape.group_in, n, 0, n, 1, nullptr, 1.0f};
  for (int64_t g = 0; g < shape.groups; ++g, weights += shape.group_in * n) {
    transpose_images(weights, ordered.data(), shape.group_in, shape.group_out, shape.taps,
                     sizeof(float));
    pack_dense_f32(group, packed);
    packed += packed_dense_f32(shape.group_in, n);
  }
}

size_t conv_transpose_scratch_f32(const ConvWeightsShape& weights, const ConvShape& shape) {
  const int64_t n = weights.taps * weights.group_out;
  return static_cast<size_t>(n * block_rows(n, shape.window.out_size()));
}

void conv_transpose_f32(const ConvWeightsShape& weights, const float* packed,
                        const ConvShape& shape, const float* x, float* y, ClampF32 clamp,
                        float* scratch) {
  const int64_t n = weights.taps * weights.group_out, k = weights.group_in;
  const int64_t in_pixels = shape.window.out_size(), out_pixels = shape.window.in_size();
  const int64_t block = block_rows(n, in_pixels);
  const float* bias = packed;
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t i = 0; i < out_pixels; ++i) {
      std::copy_n(bias, shape.out_channels, y + i * shape.out_channels);
    }
    const float* panels = packed + shape.out_channels;
    for (int64_t g = 0; g < weights.groups; ++g, panels += packed_dense_f32(k, n)) {
      for (int64_t first = 0; first < in_pixels; first += block) {
        const int64_t rows = std::min(block, in_pixels - first);
        gemm_f32({panels,
                  x + first * shape.in_channels + g * k,
                  rows,
                  k,
                  n,
                  shape.in_channels,
                  scratch,
                  n,
                  {}});
        for (int64_t i = 0; i < rows; ++i) {
          scatter_columns(shape.window, first + i, scratch + i * n, weights.group_out,
                          shape.out_channels, y + g * weights.group_out);
        }
      }
    }
    clamp_all(y, out_pixels * shape.out_channels, clamp);
    x += in_pixels * shape.in_channels;
    y += out_pixels * shape.out_channels;
  }
}

}  // namespace eightfold
