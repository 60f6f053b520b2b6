// Int8 kernels: their signatures and their equations.
//
// Activations are uint8 or int8 (`is_signed`), always channels-last: a pixel is `channels` bytes in
// a row. Every kernel is exact: i32 sums that wrap like two's complement, and one rounding,
//
//   requantize(acc) = clamp(round_half_even(float(acc) * scale) + zero_point, lo, hi)
//
// with the product in float32. Scalar is the definition; other rows give the same bytes.
// Reads stay inside the buffers; nothing here depends on readable tails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "kernels/window.h"

namespace eightfold {

// Where int8 activations lie and what zero means in them.
struct Int8Input {
  const void* data = nullptr;
  bool is_signed = false;
  int32_t zero_point = 0;
};

// What is known of the activations when weights are packed. A kernel whose 16-bit sums hold only
// for small activations asks here; `known` is false for a zero point that comes at run time.
struct ActivationRange {
  bool known = false;
  bool is_signed = false;
  int32_t zero_point = 0;
  int32_t lo = 0, hi = 255;  // every activation lies between them
  bool one_row = false;      // of dense products: a vector, for which weights are read once
};

// Output of a kernel that requantizes. `dtype` kUint8 or kInt8: lo and hi lie in its range.
// kInt32: the sums themselves. kFloat32: float(acc) * scale.
struct Int8Output {
  void* data = nullptr;
  DType dtype = DType::kUint8;
  int32_t zero_point = 0;
  int32_t lo = 0, hi = 255;
  // For bytes of layers: LeakyRelu and PRelu before the rounding, one slope per channel of the
  // output and kSlopePadding more. A negative v = float(acc) * scale becomes v * slope.
  const float* slopes = nullptr;
};
inline constexpr size_t kSlopePadding = 16;  // that vectors may read

// The equation above for one sum; out.dtype kUint8 or kInt8.
int32_t requantize_int8(int32_t acc, float scale, const Int8Output& out);

// ---------------------------------------------------------------- dense
//   acc[m][n] = bias[n] + sum_k (a[m][k] - za) * (w[k][n] - zw[n])
// The weights as the model holds them; k runs over (outer, inner), inner fastest:
//   w[k][n] = data[(k / inner) * outer_stride + (k % inner) * inner_stride + n * n_stride]
struct DenseWeights {
  const void* data = nullptr;
  bool is_signed = true;
  int64_t outer = 1, inner = 0, n = 0;
  int64_t outer_stride = 0, inner_stride = 0, n_stride = 0;
  std::span<const int32_t> zero_point;  // n entries, or none: 0
  std::span<const int32_t> bias;        // n entries, or none: 0
  std::span<const float> scale;         // n entries, or none: 1
  ActivationRange activations;
  // Above 0: a row is read as that many pieces that lie apart, each filled up with zero weights to
  // whole steps of the kernel, so that what lies behind a piece is read and does not count.
  int64_t pieces = 0;
  int64_t step = 1;  // set by pack_dense
  int64_t piece() const { return pieces == 0 ? outer * inner : outer * inner / pieces; }
  int64_t padded_piece() const {
    return pieces == 0 ? piece() : (piece() + step - 1) / step * step;
  }
  int64_t k() const { return pieces == 0 ? outer * inner : pieces * padded_piece(); }
  int32_t at(int64_t k, int64_t n) const;  // w - zw
};

// One tile of prepared rows against all columns.
struct DenseTile {
  const uint8_t* packed;
  const uint8_t* rows;  // prepared by load and pad, or the activations themselves
  size_t stride;        // bytes from one row to the next
  int64_t m, k, n;      // k: of one piece of a row
  Int8Output out;       // data at [0][0] of the tile
  int64_t ldc;          // elements between output rows
  int64_t pieces = 1;
  size_t piece_step = 0;  // bytes from one piece to the next
};

// A kernel brings its own form of the weights and of the rows it reads.
struct DenseInt8 {
  bool (*fits)(const DenseWeights& weights);  // exact for these; null: for all
  size_t (*packed_bytes)(int64_t k, int64_t n);
  void (*pack)(const DenseWeights& weights, uint8_t* packed);
  int64_t step;                    // activations that are multiplied at a time
  size_t element_bytes;            // of one activation in a prepared row
  size_t (*row_bytes)(int64_t k);  // of one prepared row
  // Writes n activations as the kernel reads them at `row`; pad writes n times the zero point.
  void (*load)(const Int8Input& input, int64_t offset, int64_t n, uint8_t* row);
  void (*pad)(const Int8Input& input, int64_t n, uint8_t* row);
  // Whether rows of k activations can be read where they lie; null: never.
  bool (*in_place)(const Int8Input& input, int64_t k);
  void (*run)(const DenseTile& tile);
  // Columns from a multiple of it on are a product of their own, packed behind those before them;
  // 0: never.
  int64_t block_columns = 0;
};

struct PackedDense {
  const DenseInt8* kernel = nullptr;
  std::shared_ptr<Buffer> bytes;
  int64_t k = 0, n = 0;              // k: of one piece, with its padding
  ActivationRange activations = {};  // that the kernel was chosen for
  int64_t pieces = 0;                // as in DenseWeights
  int64_t row_size() const { return pieces == 0 ? k : pieces * k; }
};
// Packs for the best kernel that is exact for these weights. Throws kLimitExceeded when a sum could
// leave 32 bits, bias aside.
PackedDense pack_dense(const DenseWeights& weights);
PackedDense pack_dense_for(const DenseInt8& kernel, DenseWeights weights);
void check_dense_limit(const DenseWeights& weights);

// Rows a[m][0..k) at lda, out[m][0..n) at ldc.
struct DenseRows {
  int64_t m = 0, lda = 0, ldc = 0;
};
size_t dense_scratch_bytes(const PackedDense& weights);
size_t dense_scratch_bytes(std::span<const PackedDense> groups);  // of the one that needs most
size_t dense_scratch_bytes(int64_t k, int64_t n);                 // enough whichever kernel packs
void dense_rows(const PackedDense& weights, const Int8Input& input, const Int8Output& output,
                const DenseRows& rows, uint8_t* scratch);

// Convolution [batch, spatial, in_channels] -> [batch, spatial, out_channels]: one PackedDense per
// group with k = (tap, channel of the group). Padding counts as the zero point. One group alone, of
// a window that is 1 deep and not dilated along the width, may come in pieces, one per tap of the
// height: its rows are then read where they lie (int8_lines.cpp).
size_t conv_scratch_bytes(std::span<const PackedDense> groups, const ConvShape& shape);
void conv_int8(std::span<const PackedDense> groups, const Int8Input& input,
               const Int8Output& output, const ConvShape& shape, uint8_t* scratch);

// ---------------------------------------------------------------- depthwise
// Output channel o reads input channel o / multiplier; weights [channels][taps] (ONNX [O, 1, ...]).
struct DepthwiseWeights {
  const void* data = nullptr;
  bool is_signed = true;
  int64_t channels = 0, taps = 0;  // output channels
  std::span<const int32_t> zero_point, bias;
  std::span<const float> scale;
  ActivationRange activations;
  int32_t at(int64_t channel, int64_t tap) const;  // w - zw
};

// One row of output pixels along the width.
struct DepthwiseRow {
  const uint8_t* packed;
  // First pixel of the input row of each (depth, height) tap; null where it is padding.
  const uint8_t* const* rows;
  int64_t row_count;
  bool is_signed;
  int32_t zero_point;
  int64_t in_channels, channels, multiplier;
  WindowAxis width;
  Int8Output out;  // data at the first pixel; pixels are `channels` elements apart
  uint8_t* scratch;
};

struct DepthwiseInt8 {
  // Exact for these; null: for all.
  bool (*fits)(const DepthwiseWeights& weights, int64_t width_taps);
  size_t (*packed_bytes)(int64_t channels, int64_t row_count, int64_t width_taps);
  // taps = row_count * width_taps, the width fastest.
  void (*pack)(const DepthwiseWeights& weights, int64_t width_taps, uint8_t* packed);
  size_t (*scratch_bytes)(int64_t row_count, const WindowAxis& width);
  void (*run)(const DepthwiseRow& row);  // out.dtype kUint8 or kInt8
};

struct PackedDepthwise {
  const DepthwiseInt8* kernel = nullptr;
  std::shared_ptr<Buffer> bytes;
  int64_t channels = 0;
};
PackedDepthwise pack_depthwise(const DepthwiseWeights& weights, int64_t width_taps);
size_t depthwise_scratch_bytes(const PackedDepthwise& weights, const Window& window);
void depthwise_int8(const PackedDepthwise& weights, const Int8Input& input,
                    const Int8Output& output, const ConvShape& shape, uint8_t* scratch);

// ---------------------------------------------------------------- elementwise
// Both follow the order of operations of ONNX Runtime's WebAssembly build, so that results are
// equal to it bit for bit (its native x86 build fuses multiply and add: about one byte in 20000
// differs). Stride 0 repeats an operand's one element along the run.
//   a' = a_scale * (a - a_zero),  b' = b_scale * (b - b_zero)
//   Add: y = clamp(round_half_even((a' + b') / y_scale + y_zero), lo, hi)
//   Mul: y = clamp(round_half_even((a' * b') / y_scale + y_zero), lo, hi)
struct BinaryInt8 {
  const void *a = nullptr, *b = nullptr;
  int64_t a_stride = 1, b_stride = 1;  // 0 or 1
  void* y = nullptr;                   // apart from a and b
  int64_t n = 0;
  bool is_signed = false;
  float a_scale = 1, b_scale = 1, y_scale = 1;
  // Where not 0: a product with it may replace the division. See find_factor.
  float y_factor = 0;
  int32_t a_zero = 0, b_zero = 0, y_zero = 0;
  int32_t lo = 0, hi = 255;
};
struct AddInt8 {
  void (*run)(const BinaryInt8& call);
};
struct MulInt8 {
  void (*run)(const BinaryInt8& call);
};
// A number near 1 / y_scale, products with which give the bytes of the division for all pairs of
// bytes: `run` tries them all, for a few numbers. 0 when it is none of those.
float find_factor(void (*run)(const BinaryInt8& call), BinaryInt8 call);

// y[i] = table[byte x[i]]
void lookup_int8(const uint8_t table[256], const void* x, int64_t n, void* y);
// The same with a table per channel, of pixels [pixels][channels].
void lookup_channels_int8(const uint8_t* tables, int64_t channels, const void* x, int64_t pixels,
                          void* y);

// Lines that bend at the zero point of x, one per channel: what PRelu and BatchNormalization are.
//   v = float(x[i] - x_zero), c = (phase + i) % period
//   y[i] = clamp(round_half_even((rise[c] * v + bend[c] * |v|) + offset[c]) + zero_point, lo, hi)
// The value before the rounding is below 2^21 for every byte.
struct BendRunInt8 {
  Int8Input x;
  int64_t n = 0;
  // [3][period + kBendPadding], repeating from the period on; the period is at least 16. `bends` is
  // false where all of bend is 0.
  const float* lines = nullptr;
  int64_t period = 0, phase = 0;
  bool bends = false;
  Int8Output out;  // of the type of x
};
inline constexpr int64_t kBendPadding = 16;
struct BendInt8 {
  void (*run)(const BendRunInt8& call);
};

// ---------------------------------------------------------------- residuals
// The last step of a convolution with a residual x beside it. Its sums come as floats, counted in
// steps of the output: sums[i] = float(acc) * (sx * sw[o] / sy), x_scale = sz / sy. Two products
// and one sum in float32, none of them fused:
//   y[i] = clamp(round_half_even(sums[i] + float(x[i] - x_zero) * x_scale) + zero_point, lo, hi)
// NaN gives lo. The types of x and y may differ in sign.
struct ResidualRunInt8 {
  const float* sums;
  Int8Input x;
  float x_scale;
  int64_t n;
  Int8Output out;
};
struct ResidualInt8 {
  void (*run)(const ResidualRunInt8& call);
};
// conv_int8 with a residual of the output's shape: output kUint8 or kInt8, the weights' scales as
// above. The sums are made some rows of the output at a time.
struct ResidualOperand {
  Int8Input z;
  float scale;  // sz / sy
};
size_t residual_scratch_bytes(std::span<const PackedDense> groups, const ConvShape& shape);
void conv_residual_int8(std::span<const PackedDense> groups, const Int8Input& input,
                        const ResidualOperand& residual, const Int8Output& output,
                        const ConvShape& shape, uint8_t* scratch);

// ---------------------------------------------------------------- windows
// y[i] = max over rows of rows[r][i]
struct MaxRowsInt8 {
  void (*run)(const uint8_t* const* rows, int64_t count, int64_t n, bool is_signed, uint8_t* y);
};
// y[i] += sum over rows of rows[r][i]
struct SumRowsInt8 {
  void (*run)(const uint8_t* const* rows, int64_t count, int64_t n, bool is_signed, int32_t* y);
};
// Averages of rows as ONNX Runtime takes them, in float32 and row by row:
//   y[p][i] = clamp(round_half_even(sum over r of (rows[p][r][i] - x_zero) * x_scale
//                                   / divisor / y_scale) + zero_point, lo, hi)
// x and y are of one type. NaN gives lo.
struct AverageRunInt8 {
  const uint8_t* const* rows = nullptr;  // [pixels][count]
  int64_t count = 0, n = 0, pixels = 1;
  bool is_signed = false;
  int32_t x_zero = 0;
  float x_scale = 1, divisor = 1, y_scale = 1;
  Int8Output out;  // apart from the rows
};
struct AverageRowsInt8 {
  void (*run)(const AverageRunInt8& call);
};
// [batch, in..., channels] -> [batch, out..., channels]; taps in the padding do not take part.
void max_pool_int8(const void* x, bool is_signed, const PoolShape& shape, void* y);

// ---------------------------------------------------------------- float <-> int8
//   y = clamp(round_half_even(x / scale) + zero_point, lo, hi), NaN -> lo
struct QuantizeInt8 {
  void (*run)(const float* x, int64_t n, float scale, const Int8Output& out);
};
//   y = (x - zero_point) * scale
struct DequantizeInt8 {
  void (*run)(const Int8Input& x, int64_t n, float scale, float* y);
};

}  // namespace eightfold
