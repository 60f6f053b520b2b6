// Every row of DenseInt8 against the equation of int8.h, summed in 64 bits and rounded by the C
// library: sizes around the vector width, misaligned buffers, extreme values, exact ties.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "kernels/int8.h"
#include "support/kernel_rows.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct Case {
  int64_t m, k, n;
  bool a_signed, w_signed, extreme, per_channel_zero;
  DType out;
};

constexpr uint8_t kGuard = 0xA5;

struct Problem {
  Case c;
  int32_t za;
  int64_t lda, ldc;
  std::vector<uint8_t> a, w;
  std::vector<int32_t> zw, bias;
  std::vector<float> scale, slopes;
  Int8Output out;

  explicit Problem(const Case& in)
      : c(in), za(in.a_signed ? -7 : 131), lda(in.k + 3), ldc(in.n + 2) {
    const auto size = [](int64_t v) { return static_cast<size_t>(v); };
    a = test_bytes(size(c.m * lda + 1), 11, c.extreme);
    w = test_bytes(size(c.k * c.n), 12, c.extreme);
    for (int64_t n = 0; n < c.n; ++n) {
      if (c.per_channel_zero) zw.push_back(static_cast<int32_t>(n % 5) + (c.w_signed ? -2 : 126));
      bias.push_back(static_cast<int32_t>(n * 977 % 4001) - 2000);
      // Powers of two make exact ties common; large ones saturate.
      scale.push_back(n % 3 == 0 ? 0.0078125f : n % 3 == 1 ? 0.0013f : c.extreme ? 3.0e4f : 0.5f);
    }
    out.dtype = c.out;
    out.zero_point = c.out == DType::kInt8 ? -3 : 117;
    out.lo = c.out == DType::kInt8 ? -128 : 0;
    out.hi = c.out == DType::kInt8 ? 127 : 255;
    if (c.m % 2 == 1) out.lo += 20, out.hi -= 30;  // a fused clamp
    slopes = test_slopes(c.n);
    if ((c.m + c.n + c.k) % 2 == 1) out.slopes = slopes.data();
  }

  DenseWeights weights() const {
    DenseWeights dense;
    dense.data = w.data();
    dense.is_signed = c.w_signed;
    dense.inner = c.k;
    dense.n = c.n;
    dense.inner_stride = 1;  // as ONNX [n, k]
    dense.n_stride = c.k;
    dense.zero_point = zw;
    dense.bias = bias;
    dense.scale = scale;
    dense.activations = whole_range(c.a_signed, za);
    return dense;
  }

  double expected(int64_t m, int64_t n) const {
    const auto column = static_cast<size_t>(n);
    int64_t sum = bias[column];
    for (int64_t k = 0; k < c.k; ++k) {
      const int64_t x = test_int8(a.data() + 1, c.a_signed, m * lda + k) - za;
      sum += x * (test_int8(w.data(), c.w_signed, n * c.k + k) - (zw.empty() ? 0 : zw[column]));
    }
    if (c.out == DType::kInt32) return static_cast<double>(sum);
    const float scaled = static_cast<float>(static_cast<int32_t>(sum)) * scale[column];
    if (c.out == DType::kFloat32) return scaled;
    const float bent = out.slopes && scaled < 0 ? scaled * slopes[column] : scaled;
    return std::clamp(std::nearbyint(static_cast<double>(bent)) + out.zero_point,
                      static_cast<double>(out.lo), static_cast<double>(out.hi));
  }
};

double read(const std::vector<uint8_t>& bytes, DType dtype, int64_t i) {
  const uint8_t* at = bytes.data() + 1 + static_cast<size_t>(i) * byte_count(dtype, 1);
  int32_t word = 0;
  float real = 0;
  switch (dtype) {
    case DType::kInt32: std::memcpy(&word, at, 4); return word;
    case DType::kFloat32: std::memcpy(&real, at, 4); return real;
    case DType::kInt8: return static_cast<int8_t>(*at);
    default: return *at;
  }
}

void check_case(const DenseInt8& kernel, const Case& c) {
  const Problem problem(c);
  if (kernel.fits && !kernel.fits(problem.weights())) return;  // relaxed_forms.test.cpp
  const PackedDense packed = pack_dense_for(kernel, problem.weights());
  const size_t bytes = byte_count(c.out, c.m * problem.ldc) + 1;
  std::vector<uint8_t> y(bytes, kGuard);
  Int8Output out = problem.out;
  // Words are aligned by their own size; bytes are put off by one.
  std::vector<uint8_t> shifted(bytes + 8, kGuard);
  out.data = shifted.data() + 8;
  const Int8Input input{problem.a.data() + 1, c.a_signed, problem.za};
  const std::shared_ptr<Buffer> scratch = Buffer::allocate(dense_scratch_bytes(packed));
  if (byte_count(c.out, 1) == 1) out.data = y.data() + 1;
  dense_rows(packed, input, out, {c.m, problem.lda, problem.ldc}, scratch->data());
  if (byte_count(c.out, 1) != 1) std::memcpy(y.data() + 1, out.data, bytes - 1);

  INFO("m " << c.m << " k " << c.k << " n " << c.n << " a_signed " << c.a_signed << " w_signed "
            << c.w_signed << " extreme " << c.extreme << " out " << dtype_name(c.out));
  const std::vector<uint8_t> guard(8, kGuard);
  for (int64_t m = 0; m < c.m; ++m) {
    for (int64_t n = 0; n < problem.ldc; ++n) {
      const double got = read(y, c.out, m * problem.ldc + n);
      if (n >= c.n) {
        REQUIRE(std::memcmp(y.data() + 1 + byte_count(c.out, m * problem.ldc + n), guard.data(),
                            byte_count(c.out, 1)) == 0);
      } else if (got != problem.expected(m, n)) {
        FAIL("at " << m << ", " << n << ": " << got << " instead of " << problem.expected(m, n));
      }
    }
  }
}

}  // namespace

TEST_CASE("DenseInt8: every row, sizes around the register tile", "[kernels][int8]") {
  const int rows = for_each_row<DenseInt8>([](const KernelRow& row, const DenseInt8& kernel) {
    INFO(row.name);
    for (int64_t m : {0, 1, 2, 3, 4, 5, 9, 67}) {
      for (int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 23, 25, 50}) {
        for (int64_t k : {0, 1, 2, 7, 8, 9, 15, 16, 17, 50}) {
          check_case(kernel, {m, k, n, (m + n) % 2 == 0, true, false, false, DType::kUint8});
        }
      }
    }
  });
  CHECK(rows >= 2);
}

TEST_CASE("DenseInt8: every row, all operand and output types", "[kernels][int8]") {
  for_each_row<DenseInt8>([](const KernelRow& row, const DenseInt8& kernel) {
    INFO(row.name);
    for (DType out : {DType::kUint8, DType::kInt8, DType::kInt32, DType::kFloat32}) {
      for (int bits = 0; bits < 16; ++bits) {
        check_case(kernel, {5, 37, 29, bool(bits & 1), bool(bits & 2), bool(bits & 4),
                            bool(bits & 8), out});
      }
    }
  });
}

TEST_CASE("DenseInt8: the row that runs is the best one", "[kernels][int8]") {
  const Selected<DenseInt8> selected = select<DenseInt8>();
  WARN("dense int8 runs " << selected.row->name);
  CHECK(selected.row->name != "dense_i8_scalar");
}

TEST_CASE("a sum that could leave 32 bits is refused when packing", "[kernels][int8]") {
  const std::vector<uint8_t> heavy(70000, 0x80);
  DenseWeights weights;
  weights.data = heavy.data();
  weights.n = 1;
  weights.inner_stride = 1;
  weights.inner = 65000;  // 65000 * 128 * 255 = 2121600000
  CHECK_NOTHROW(pack_dense(weights));
  weights.inner = 66000;
  try {
    pack_dense(weights);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kLimitExceeded);
  }
}
