// Float kernels: their signatures and their equations. This is what calibration runs.
//
// Images are channels-last: a pixel is `channels` floats in a row. Sums run over k in order, in
// float32. Results of simd128 and scalar agree to rounding; the relaxed build uses simd128's rows.
// Reads stay inside the buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "kernels/window.h"

namespace eightfold {

// Applied as the last step; the default passes everything, NaN included.
struct ClampF32 {
  float lo = -std::numeric_limits<float>::infinity();
  float hi = std::numeric_limits<float>::infinity();
};

// ---------------------------------------------------------------- dense
//   c[m][n] = clamp(bias[n] + sum_k a[m][k] * b[k][n])
// Packed b: per panel of kPanelF32 columns the bias of the panel, then k rows of the panel; zeros
// beyond n.
inline constexpr int64_t kPanelF32 = 8;

struct GemmTileF32 {
  const float* packed;
  const float* a;
  int64_t m, k, n, lda;
  float* c;
  int64_t ldc;
  ClampF32 clamp;
  // Rows of a that lie in runs of equal length, where rows is given: the i-th element of run r of
  // row m is a[rows[m] + runs[r] + i]. Otherwise row m is a[m * lda ...].
  const ptrdiff_t* rows = nullptr;
  const ptrdiff_t* runs = nullptr;
  int64_t run_count = 1;
};
struct GemmFloat32 {
  void (*run)(const GemmTileF32& tile);
};

// b as the model holds it; k runs over (outer, inner), inner fastest:
//   b[k][n] = alpha * data[(k / inner) * outer_stride + (k % inner) * inner_stride + n * n_stride]
struct DenseWeightsF32 {
  const float* data = nullptr;
  int64_t outer = 1, inner = 0, n = 0;
  int64_t outer_stride = 0, inner_stride = 0, n_stride = 0;
  const float* bias = nullptr;  // n entries, or null: 0
  float alpha = 1.0f;           // of b alone
  int64_t k() const { return outer * inner; }
};
size_t packed_dense_f32(int64_t k, int64_t n);  // floats
void pack_dense_f32(const DenseWeightsF32& weights, float* packed);

// All rows, cut into blocks that stay in cache.
void gemm_f32(const GemmTileF32& rows);

// ---------------------------------------------------------------- convolution
// Weights are ONNX [O, C / groups, spatial...] for conv, [C, O / groups, spatial...] for
// transposed.
inline constexpr int64_t kMaxDepthwiseTaps = 256;
struct ConvWeightsShape {
  int64_t groups = 1, group_in = 0, group_out = 0;  // channels per group
  int64_t taps = 1;
  // One input channel per group, few outputs of it: the depthwise kernel.
  bool depthwise() const {
    return groups > 1 && group_in == 1 && group_out <= 4 && taps <= kMaxDepthwiseTaps;
  }
};
size_t packed_conv_f32(const ConvWeightsShape& weights);  // floats
void pack_conv_f32(const ConvWeightsShape& shape, const float* weights, const float* bias,
                   float* packed);
size_t conv_scratch_f32(const ConvWeightsShape& weights, const ConvShape& shape);  // floats
void conv_f32(const ConvWeightsShape& weights, const float* packed, const ConvShape& shape,
              const float* x, float* y, ClampF32 clamp, float* scratch);

// shape.window is the window seen from y (axis.in extents of y, axis.out of x); channels are x's
// (in) and y's (out).
size_t packed_conv_transpose_f32(const ConvWeightsShape& weights);
void pack_conv_transpose_f32(const ConvWeightsShape& shape, const float* weights, const float* bias,
                             float* packed);
size_t conv_transpose_scratch_f32(const ConvWeightsShape& weights, const ConvShape& shape);
void conv_transpose_f32(const ConvWeightsShape& weights, const float* packed,
                        const ConvShape& shape, const float* x, float* y, ClampF32 clamp,
                        float* scratch);

// A transposed convolution of stride 1 is the convolution with its weights turned round: the
// weights packed for conv_f32, and the window of that seen from y.
void pack_turned_conv_f32(const ConvWeightsShape& shape, const float* weights, const float* bias,
                          float* packed);
Window turned_window(const Window& window);

// One row of output pixels along the width:
//   out[x][c] = clamp(bias[c] + sum over rows r, taps t of weights[r][t][c] * rows[r][x * s + t * d
//   - pad][c])
struct DepthwiseRowF32 {
  const float* weights;      // [row_count][width.kernel][channels]
  const float* bias;         // [channels]
  const float* const* rows;  // first pixel of each input row; null where it is padding
  int64_t row_count, channels;
  WindowAxis width;
  float* out;
  ClampF32 clamp;
};
struct DepthwiseFloat32 {
  void (*run)(const DepthwiseRowF32& row);
};

// ---------------------------------------------------------------- pools
// y[i] = max over rows of rows[r][i]; count >= 1
struct MaxRowsFloat32 {
  void (*run)(const float* const* rows, int64_t count, int64_t n, float* y);
};
// y[i] = scale * sum over rows of rows[r][i]
struct SumRowsFloat32 {
  void (*run)(const float* const* rows, int64_t count, int64_t n, float scale, float* y);
};
// Taps in the padding do not take part; a window without any tap gives -infinity.
void max_pool_f32(const float* x, const PoolShape& shape, float* y);
enum class PoolCount : uint8_t { kInside, kWithPadding };
void average_pool_f32(const float* x, const PoolShape& shape, PoolCount count, float* y);
// y = (sum over taps of |x|^p)^(1 / p)
void lp_pool_f32(const float* x, const PoolShape& shape, int64_t p, float* y);
// x [batch, pixels, channels] -> y [batch, channels]
void global_average_pool_f32(const float* x, int64_t batch, int64_t pixels, int64_t channels,
                             float* y);
void global_max_pool_f32(const float* x, int64_t batch, int64_t pixels, int64_t channels, float* y);

// ---------------------------------------------------------------- functions of one number
// y may be x. Within 1e-6 of the value, relative; NaN stays NaN.
//   y[i] = exp(x[i] - shift), 0 below 2e-38; returns the sum of all y. The same bits in every row:
//   four sums take turns, then (0 + 2) + (1 + 3) + the sum of the last n % 4.
struct ExpFloat32 {
  float (*largest)(const float* x, int64_t n);  // n >= 1; what to shift by
  float (*run)(const float* x, int64_t n, float shift, float* y);
};
struct SigmoidFloat32 {
  void (*run)(const float* x, int64_t n, float* y);
};
struct TanhFloat32 {
  void (*run)(const float* x, int64_t n, float* y);
};
struct ErfFloat32 {  // the same bits in every row
  void (*run)(const float* x, int64_t n, float* y);
};

}  // namespace eightfold
