// MatMul by numpy's rules, and the plain matrix product that Gemm shares for uncommon types.
#pragma once

#include <cstdint>
#include <type_traits>

#include "ops/op.h"

namespace eightfold {

OpDef matmul_row();

// float32, float64, int32, uint32, int64, uint64.
bool matmul_supports(DType dtype);

// How a batch of matrix products is laid out: [..., M, K] x [..., K, N] -> [..., M, N], a vector
// counting as one row (A) or one column (B). Throws kInvalidShape.
struct MatMulShape {
  int64_t m = 1, n = 1, k = 1;
  Shape batch;                 // broadcast leading dims
  Shape a_strides, b_strides;  // per batch dim, in matrices; 0 repeats
  int64_t batches() const { return element_count(batch); }
  int64_t a_index(int64_t i) const { return matrix_index(a_strides, i); }  // of the i-th product
  int64_t b_index(int64_t i) const { return matrix_index(b_strides, i); }

 private:
  int64_t matrix_index(const Shape& strides, int64_t i) const;
};
MatMulShape make_matmul_shape(std::span<const int64_t> a, std::span<const int64_t> b);
// Symbolic dims of the result, for inference of every op of MatMul's shape.
std::optional<Dims> matmul_dims(const InferContext& context, size_t a, size_t b);

template <typename T>
struct Matrix {
  const T* data;
  int64_t row_stride, col_stride;
};
struct MatrixExtent {
  int64_t m, n, k;
};
// Where sums may wrap: integers count in their unsigned form.
template <typename T>
struct Wrapping {
  using Type = T;
};
template <typename T>
  requires std::is_integral_v<T>
struct Wrapping<T> {
  using Type = std::make_unsigned_t<T>;
};
// y[m][n] = sum_k a[m][k] * b[k][n]; integers wrap.
template <typename T>
void multiply_plain(Matrix<T> a, Matrix<T> b, MatrixExtent extent, T* y) {
  using Sum = typename Wrapping<T>::Type;
  for (int64_t m = 0; m < extent.m; ++m) {
    for (int64_t n = 0; n < extent.n; ++n) {
      Sum sum{};
      for (int64_t k = 0; k < extent.k; ++k) {
        sum += static_cast<Sum>(a.data[m * a.row_stride + k * a.col_stride]) *
               static_cast<Sum>(b.data[k * b.row_stride + n * b.col_stride]);
      }
      y[m * extent.n + n] = static_cast<T>(sum);
    }
  }
}

}  // namespace eightfold
