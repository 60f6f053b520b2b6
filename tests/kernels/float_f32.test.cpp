// Every row of the float kernels against scalar, at sizes around the vector width and misaligned.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <vector>

#include "kernels/float.h"
#include "support/kernel_rows.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// Rows differ by the rounding of fused steps; a sum of 100 products of numbers below 1.
bool near(float a, float b) { return std::abs(a - b) <= 1e-5f + 1e-5f * std::abs(b); }

bool all_near(const std::vector<float>& a, const std::vector<float>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (!near(a[i], b[i])) return false;
  }
  return true;
}

constexpr float kGuard = 12345.0f;  // must survive beside the output

std::vector<float> run_gemm(const GemmFloat32& kernel, int64_t m, int64_t n, int64_t k) {
  const int64_t lda = k + 1, ldc = n + 2;
  const auto a = random_floats(static_cast<size_t>(m * lda + 1), 1);
  const auto b = random_floats(static_cast<size_t>(k * n), 2);
  const auto bias = random_floats(static_cast<size_t>(n), 3);
  std::vector<float> packed(packed_dense_f32(k, n) + 1),
      c(static_cast<size_t>(m * ldc + 1), kGuard);
  pack_dense_f32(
      {.data = b.data(), .inner = k, .n = n, .inner_stride = n, .n_stride = 1, .bias = bias.data()},
      packed.data() + 1);
  kernel.run({packed.data() + 1, a.data() + 1, m, k, n, lda, c.data() + 1, ldc, {-1.0f, 1.5f}});
  return c;
}

}  // namespace

TEST_CASE("every row of GemmFloat32 equals scalar", "[kernels][float]") {
  const int rows = for_each_row<GemmFloat32>([](const KernelRow& row, const GemmFloat32& kernel) {
    INFO(row.name);
    for (int64_t m : {0, 1, 2, 3, 4, 5, 6, 7, 8, 14}) {
      for (int64_t n : {0, 1, 7, 8, 9, 26, 33}) {
        for (int64_t k : {0, 1, 2, 37, 100}) {
          INFO("m " << m << " n " << n << " k " << k);
          CHECK(all_near(run_gemm(kernel, m, n, k), run_gemm(gemm_f32_scalar, m, n, k)));
        }
      }
    }
  });
  CHECK(rows >= 2);
  // Float has no rows for relaxed SIMD: all builds calibrate with the same bits.
  WARN("float GEMM runs " << select<GemmFloat32>().row->name);
  CHECK(select<GemmFloat32>().row->name == "gemm_f32_simd128");
}

TEST_CASE("every row of GemmFloat32 reads rows in runs", "[kernels][float]") {
  // Rows overlap as those of a convolution do.
  const int64_t n = 11, count = 3, length = 5, k = count * length;
  const ptrdiff_t rows[] = {0, 2, 4, 40, 42, 44, 3}, runs[] = {1, 20, 70};
  const auto a = random_floats(128, 1), b = random_floats(static_cast<size_t>(k * n), 2);
  std::vector<float> packed(packed_dense_f32(k, n));
  pack_dense_f32({.data = b.data(), .inner = k, .n = n, .inner_stride = n, .n_stride = 1},
                 packed.data());
  for_each_row<GemmFloat32>([&](const KernelRow& row, const GemmFloat32& kernel) {
    INFO(row.name);
    for (int64_t m : {1, 2, 3, 4, 7}) {
      std::vector<float> c(static_cast<size_t>(m * n + 1), kGuard);
      kernel.run({packed.data(), a.data(), m, k, n, 0, c.data(), n, {}, rows, runs, count});
      CHECK(c.back() == kGuard);
      for (int64_t i = 0; i < m * n; ++i) {
        double want = 0;
        for (int64_t j = 0; j < k; ++j) {
          const ptrdiff_t at = rows[i / n] + runs[j / length] + static_cast<ptrdiff_t>(j % length);
          want += static_cast<double>(a[static_cast<size_t>(at)]) *
                  b[static_cast<size_t>(j * n + i % n)];
        }
        CHECK(near(c[static_cast<size_t>(i)], static_cast<float>(want)));
      }
    }
  });
}

TEST_CASE("packed panels carry alpha and the strides of the weights", "[kernels][float]") {
  // b[k][n] with k = (outer, inner): data laid out [n][inner][outer].
  const std::vector<float> data{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::vector<float> packed(packed_dense_f32(6, 2));
  pack_dense_f32({.data = data.data(),
                  .outer = 3,
                  .inner = 2,
                  .n = 2,
                  .outer_stride = 1,
                  .inner_stride = 3,
                  .n_stride = 6,
                  .alpha = 2.0f},
                 packed.data());
  const float expected[] = {0, 2, 8, 4, 10, 6, 12};  // the bias, then column 0
  for (size_t k = 0; k < 7; ++k) CHECK(packed[k * 8] == expected[k]);
  CHECK(packed[8 + 1] == 14);
  CHECK(packed[8 + 2] == 0);
}

TEST_CASE("every row of DepthwiseFloat32 equals scalar", "[kernels][float]") {
  struct Row {
    WindowAxis width;
    int64_t row_count;
  };
  const Row cases[] = {
      {{9, 9, 3, 1, 1, 1, 1}, 3},   {{9, 7, 3, 1, 1, 0, 0}, 2}, {{11, 5, 3, 2, 1, 0, 0}, 3},
      {{10, 10, 3, 1, 2, 2, 2}, 1}, {{3, 1, 3, 1, 1, 0, 0}, 1}, {{2, 6, 3, 1, 1, 3, 3}, 2},
      {{17, 17, 1, 1, 1, 0, 0}, 1},
  };
  const int rows =
      for_each_row<DepthwiseFloat32>([&](const KernelRow& row, const DepthwiseFloat32& kernel) {
        INFO(row.name);
        for (const Row& c : cases) {
          for (int64_t channels : {1, 3, 4, 5, 14}) {
            INFO("in " << c.width.in << " kernel " << c.width.kernel << " channels " << channels);
            const auto in =
                random_floats(static_cast<size_t>(c.row_count * c.width.in * channels + 1), 1);
            const auto weights =
                random_floats(static_cast<size_t>(c.row_count * c.width.kernel * channels + 1), 2);
            const auto bias = random_floats(static_cast<size_t>(channels), 3);
            std::vector<const float*> pointers;
            for (int64_t r = 0; r < c.row_count; ++r)
              pointers.push_back(in.data() + 1 + r * c.width.in * channels);
            if (c.row_count > 2) pointers[1] = nullptr;
            const auto run = [&](const DepthwiseFloat32& which) {
              std::vector<float> out(static_cast<size_t>(c.width.out * channels + 2), kGuard);
              which.run({weights.data() + 1,
                         bias.data(),
                         pointers.data(),
                         c.row_count,
                         channels,
                         c.width,
                         out.data() + 1,
                         {-0.8f, 0.9f}});
              return out;
            };
            CHECK(all_near(run(kernel), run(depthwise_f32_scalar)));
          }
        }
      });
  CHECK(rows >= 2);
}

TEST_CASE("every row of MaxRows and SumRows equals scalar", "[kernels][float]") {
  const auto in = random_floats(1000, 1);
  for (int64_t n : {0, 1, 3, 4, 5, 14}) {
    for (int64_t count : {1, 2, 9}) {
      std::vector<const float*> rows;
      for (int64_t r = 0; r < count; ++r) rows.push_back(in.data() + 1 + r * 17);
      const auto run = [&](auto kernel) {
        std::vector<float> y(static_cast<size_t>(n + 1), kGuard);
        kernel(y.data());
        return y;
      };
      const auto max = run([&](float* y) { max_rows_f32_scalar.run(rows.data(), count, n, y); });
      const auto sum =
          run([&](float* y) { sum_rows_f32_scalar.run(rows.data(), count, n, 0.25f, y); });
      for_each_row<MaxRowsFloat32>([&](const KernelRow& row, const MaxRowsFloat32& kernel) {
        INFO(row.name);
        CHECK(run([&](float* y) { kernel.run(rows.data(), count, n, y); }) == max);
      });
      for_each_row<SumRowsFloat32>([&](const KernelRow& row, const SumRowsFloat32& kernel) {
        INFO(row.name);
        CHECK(run([&](float* y) { kernel.run(rows.data(), count, n, 0.25f, y); }) == sum);
      });
    }
  }
}
