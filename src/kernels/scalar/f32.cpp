// Float kernels one number at a time: the equations of float.h, written out.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "kernels/float.h"
#include "kernels/kernels.h"

namespace eightfold {
namespace {

float clamp(float x, ClampF32 clamp) {
  const float raised = x < clamp.lo ? clamp.lo : x;  // NaN passes
  return clamp.hi < raised ? clamp.hi : raised;
}

float element(const GemmTileF32& tile, int64_t m, int64_t k) {
  if (!tile.rows) return tile.a[m * tile.lda + k];
  const int64_t run = tile.k / tile.run_count;
  return tile.a[tile.rows[m] + tile.runs[k / run] + k % run];
}

void gemm(const GemmTileF32& tile) {
  for (int64_t n = 0; n < tile.n; ++n) {
    const float* panel = tile.packed + n / kPanelF32 * (tile.k + 1) * kPanelF32 + n % kPanelF32;
    for (int64_t m = 0; m < tile.m; ++m) {
      float sum = panel[0];
      for (int64_t k = 0; k < tile.k; ++k) sum += element(tile, m, k) * panel[(k + 1) * kPanelF32];
      tile.c[m * tile.ldc + n] = clamp(sum, tile.clamp);
    }
  }
}

float depthwise_sum(const DepthwiseRowF32& row, int64_t pixel, int64_t channel) {
  const TapRange taps = taps_inside(row.width, pixel);
  float sum = row.bias[channel];
  for (int64_t r = 0; r < row.row_count; ++r) {
    if (!row.rows[r]) continue;
    for (int64_t t = taps.begin; t < taps.end; ++t) {
      const int64_t at = input_position(row.width, pixel, t);
      const float weight = row.weights[(r * row.width.kernel + t) * row.channels + channel];
      sum += row.rows[r][at * row.channels + channel] * weight;
    }
  }
  return sum;
}

void depthwise(const DepthwiseRowF32& row) {
  for (int64_t x = 0; x < row.width.out; ++x) {
    for (int64_t c = 0; c < row.channels; ++c) {
      row.out[x * row.channels + c] = clamp(depthwise_sum(row, x, c), row.clamp);
    }
  }
}

void max_rows(const float* const* rows, int64_t count, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) {
    y[i] = rows[0][i];
    for (int64_t r = 1; r < count; ++r) y[i] = std::max(y[i], rows[r][i]);
  }
}

void sum_rows(const float* const* rows, int64_t count, int64_t n, float scale, float* y) {
  for (int64_t i = 0; i < n; ++i) {
    float sum = rows[0][i];
    for (int64_t r = 1; r < count; ++r) sum += rows[r][i];
    y[i] = sum * scale;
  }
}

float largest(const float* x, int64_t n) { return *std::max_element(x, x + n); }

// The steps of generic/sigmoid_f32.h one by one, so that the bits are the same.
float exp_of(float x) {
  x = clamp(x, {-87.0f, 89.0f});
  const float n = std::nearbyint(x * 1.44269504f);
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  for (float next :
       {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f}) {
    p = next + p * r;
  }
  p = (r + p * r * r) + 1.0f;
  if (!(n > -126.0f)) return n != n ? x : 0.0f;
  p *= std::bit_cast<float>((static_cast<int32_t>(n) + 126) << 23);
  return p + p;
}

float exp(const float* x, int64_t n, float shift, float* y) {
  std::array<float, 4> sums{};
  for (int64_t i = 0; i < n; ++i) y[i] = exp_of(x[i] - shift);
  const int64_t whole = n / 4 * 4;
  for (int64_t i = 0; i < whole; ++i) sums[static_cast<size_t>(i % 4)] += y[i];
  float rest = 0;
  for (int64_t i = whole; i < n; ++i) rest += y[i];
  return (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest;
}

void sigmoid(const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = 1.0f / (1.0f + std::exp(-x[i]));
}

void tanh(const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = std::tanh(x[i]);
}

float erf_of(float x) {
  const float magnitude = std::fabs(x), z = x * x;
  if (magnitude < 1.0f) {
    float p = -5.63140376e-4f;
    for (float next :
         {4.91754664e-3f, -2.67113075e-2f, 1.12801798e-1f, -3.76123250e-1f, 1.12837911f}) {
      p = next + p * z;
    }
    return p * x;
  }
  const float far = 3.92f < magnitude ? 3.92f : magnitude;
  float p = -1.15724769e-3f;
  for (float next :
       {1.48320440e-2f, -8.88002962e-2f, -6.54239237e-1f, -1.11762190f, -2.61901575e-3f}) {
    p = next + p * far;
  }
  return std::copysign(1.0f - exp_of(p), x);
}

void erf(const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = erf_of(x[i]);
}

}  // namespace

const GemmFloat32 gemm_f32_scalar{gemm};
const DepthwiseFloat32 depthwise_f32_scalar{depthwise};
const MaxRowsFloat32 max_rows_f32_scalar{max_rows};
const SumRowsFloat32 sum_rows_f32_scalar{sum_rows};
const ExpFloat32 exp_f32_scalar{largest, exp};
const SigmoidFloat32 sigmoid_f32_scalar{sigmoid};
const TanhFloat32 tanh_f32_scalar{tanh};
const ErfFloat32 erf_f32_scalar{erf};

}  // namespace eightfold
