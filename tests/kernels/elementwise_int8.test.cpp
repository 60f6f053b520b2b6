// Elementwise, pooling and conversion rows against their equations, at sizes around 16 elements.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>

#include "kernels/int8.h"
#include "support/kernel_rows.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr int64_t kSizes[] = {0, 1, 15, 16, 17, 50};
constexpr uint8_t kGuard = 0x5A;

double expected_binary(const BinaryInt8& c, int64_t i, bool add) {
  const auto* a = static_cast<const uint8_t*>(c.a);
  const auto* b = static_cast<const uint8_t*>(c.b);
  const float va =
      c.a_scale * static_cast<float>(test_int8(a, c.is_signed, i * c.a_stride) - c.a_zero);
  const float vb =
      c.b_scale * static_cast<float>(test_int8(b, c.is_signed, i * c.b_stride) - c.b_zero);
  const float mixed = add ? va + vb : va * vb;
  const float value = mixed / c.y_scale + static_cast<float>(c.y_zero);
  return std::clamp(std::nearbyint(static_cast<double>(value)), static_cast<double>(c.lo),
                    static_cast<double>(c.hi));
}

template <class Kernel>
void check_binary(bool add) {
  for_each_row<Kernel>([&](const KernelRow& row, const Kernel& kernel) {
    for (int64_t n : kSizes) {
      for (int bits = 0; bits < 16; ++bits) {
        const bool is_signed = bits & 1;
        INFO(row.name << " n " << n << " case " << bits);
        const auto a = test_bytes(static_cast<size_t>(n) + 1, 21, bits & 8);
        const auto b = test_bytes(static_cast<size_t>(n) + 1, 22, bits & 8);
        std::vector<uint8_t> y(static_cast<size_t>(n) + 2, kGuard);
        BinaryInt8 call;
        call.a = a.data() + (n > 0);
        call.b = b.data() + (n > 0);
        call.a_stride = bits & 2 ? 0 : 1;
        call.b_stride = bits & 4 ? 0 : 1;
        call.y = y.data() + 1;
        call.n = n;
        call.is_signed = is_signed;
        call.a_scale = 0.5f;
        call.b_scale = bits & 8 ? 1.0e30f : 0.25f;  // ties, or far out of range
        call.y_scale = 0.5f;
        call.a_zero = is_signed ? -3 : 120;
        call.b_zero = is_signed ? 6 : 129;
        call.y_zero = is_signed ? 2 : 128;
        call.lo = is_signed ? -110 : 10;
        call.hi = is_signed ? 100 : 230;
        kernel.run(call);
        for (int64_t i = 0; i < n; ++i) {
          REQUIRE(test_int8(y.data() + 1, is_signed, i) == expected_binary(call, i, add));
        }
        REQUIRE(y.front() == kGuard);
        REQUIRE(y.back() == kGuard);
      }
    }
  });
}

}  // namespace

TEST_CASE("AddInt8 rows", "[kernels][int8]") { check_binary<AddInt8>(true); }
TEST_CASE("MulInt8 rows", "[kernels][int8]") { check_binary<MulInt8>(false); }

TEST_CASE("A factor gives the bytes of the division for all pairs", "[kernels][int8]") {
  const auto check = [](const auto& kernel, bool add, bool is_signed, float y_scale) {
    BinaryInt8 call;
    call.is_signed = is_signed;
    call.a_scale = 0.0173f;
    call.b_scale = 0.0291f;
    call.y_scale = y_scale;
    call.a_zero = is_signed ? -7 : 119;
    call.b_zero = is_signed ? 11 : 3;
    call.y_zero = is_signed ? -20 : 99;
    call.lo = is_signed ? -128 : 0;
    call.hi = is_signed ? 127 : 255;
    call.y_factor = find_factor(kernel.run, call);
    if (call.y_factor == 0) return 0;
    std::vector<uint8_t> a(65536), b(a.size()), y(a.size());
    for (size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<uint8_t>(i);
      b[i] = static_cast<uint8_t>(i / 256);
    }
    call.a = a.data();
    call.b = b.data();
    call.y = y.data();
    call.n = static_cast<int64_t>(a.size());
    kernel.run(call);
    int64_t wrong = 0;
    for (int64_t i = 0; i < call.n; ++i) {
      wrong += test_int8(y.data(), is_signed, i) != expected_binary(call, i, add);
    }
    CHECK(wrong == 0);
    return 1;
  };
  const auto rows = [&]<class Kernel>(bool add) {
    for_each_row<Kernel>([&](const KernelRow& row, const Kernel& kernel) {
      INFO(row.name);
      int found = 0;
      for (int i = 0; i < 16; ++i) {
        found += check(kernel, add, i & 1, 0.0123f + 0.00117f * static_cast<float>(i));
      }
      CHECK(found > 8);
    });
  };
  rows.operator()<AddInt8>(true);
  rows.operator()<MulInt8>(false);
}

TEST_CASE("MaxRowsInt8 and SumRowsInt8 rows", "[kernels][int8]") {
  const auto each = [](auto check) {
    for (int64_t n : kSizes) {
      for (int64_t count : {0, 1, 2, 9, 300}) {
        const auto data = test_bytes(static_cast<size_t>(n * count), 31, count == 300);
        std::vector<const uint8_t*> rows;
        for (int64_t r = 0; r < count; ++r) rows.push_back(data.data() + r * n);
        for (bool is_signed : {false, true}) {
          INFO("n " << n << " rows " << count << " signed " << is_signed);
          check(rows, n, is_signed);
        }
      }
    }
  };
  for_each_row<MaxRowsInt8>([&](const KernelRow& row, const MaxRowsInt8& kernel) {
    INFO(row.name);
    each([&](const std::vector<const uint8_t*>& rows, int64_t n, bool is_signed) {
      std::vector<uint8_t> y(static_cast<size_t>(n) + 1, kGuard);
      kernel.run(rows.data(), static_cast<int64_t>(rows.size()), n, is_signed, y.data());
      for (int64_t i = 0; i < n; ++i) {
        int32_t best = is_signed ? -128 : 0;
        for (const uint8_t* r : rows) best = std::max(best, test_int8(r, is_signed, i));
        REQUIRE(test_int8(y.data(), is_signed, i) == best);
      }
      REQUIRE(y.back() == kGuard);
    });
  });
  for_each_row<SumRowsInt8>([&](const KernelRow& row, const SumRowsInt8& kernel) {
    INFO(row.name);
    each([&](const std::vector<const uint8_t*>& rows, int64_t n, bool is_signed) {
      std::vector<int32_t> y(static_cast<size_t>(n) + 1, 7);
      kernel.run(rows.data(), static_cast<int64_t>(rows.size()), n, is_signed, y.data());
      for (int64_t i = 0; i < n; ++i) {
        int32_t sum = 7;
        for (const uint8_t* r : rows) sum += test_int8(r, is_signed, i);
        REQUIRE(y[static_cast<size_t>(i)] == sum);
      }
      REQUIRE(y.back() == 7);
    });
  });
}

TEST_CASE("BendInt8 rows", "[kernels][int8]") {
  for_each_row<BendInt8>([&](const KernelRow& row, const BendInt8& kernel) {
    for (int64_t n : kSizes) {
      for (int64_t period : {16, 18, 33}) {
        for (int bits = 0; bits < 8; ++bits) {
          const bool is_signed = bits & 1, bends = bits & 2;
          INFO(row.name << " n " << n << " period " << period << " case " << bits);
          const auto step = static_cast<size_t>(period + kBendPadding);
          std::vector<float> lines(3 * step);
          for (size_t c = 0; c < step; ++c) {
            const auto at = static_cast<float>(c % static_cast<size_t>(period));
            lines[c] = 0.25f * at - 1.5f;  // ties, and both directions
            if (bends) lines[step + c] = 0.125f * at;
            lines[2 * step + c] = 3 - 0.5f * at;
          }
          const auto x = test_bytes(static_cast<size_t>(n) + 1, 71);
          std::vector<uint8_t> y(static_cast<size_t>(n) + 1, kGuard);
          BendRunInt8 call;
          call.x = {x.data() + 1, is_signed, is_signed ? -9 : 100};
          call.n = n;
          call.lines = lines.data();
          call.period = period;
          call.phase = bits & 4 ? 13 : 0;
          call.bends = bends;
          call.out = {y.data(), is_signed ? DType::kInt8 : DType::kUint8, is_signed ? 5 : 131,
                      is_signed ? -120 : 4, is_signed ? 125 : 250};
          kernel.run(call);
          for (int64_t i = 0; i < n; ++i) {
            const auto c = static_cast<size_t>((call.phase + i) % period);
            const double v = test_int8(x.data() + 1, is_signed, i) - call.x.zero_point;
            const double value = static_cast<double>(lines[c]) * v +
                                 static_cast<double>(lines[step + c]) * std::fabs(v) +
                                 static_cast<double>(lines[2 * step + c]);
            REQUIRE(test_int8(y.data(), is_signed, i) ==
                    std::clamp(std::nearbyint(value) + call.out.zero_point,
                               static_cast<double>(call.out.lo), static_cast<double>(call.out.hi)));
          }
          REQUIRE(y.back() == kGuard);
        }
      }
    }
  });
}

TEST_CASE("AverageRowsInt8 rows", "[kernels][int8]") {
  struct Scales {
    float x, divisor, y;
  };
  // Ties that are exact, ties that the sums of floats miss, plain ones, and floats at their limits.
  const Scales scales[] = {{0.5f, 4, 0.5f},    {0.1f, 4, 0.1f},    {0.0123f, 9, 0.0101f},
                           {0.7f, 2, 0.01f},   {1.0e38f, 1, 1.0f}, {1.0e-42f, 3, 1.0e-42f},
                           {3.0f, 16, 1e-30f}, {1.0f, 300, 100.0f}};
  for_each_row<AverageRowsInt8>([&](const KernelRow& row, const AverageRowsInt8& kernel) {
    for (int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 50}) {
      for (int64_t count : {0, 1, 2, 4, 9, 257, 258}) {
        constexpr int64_t kPixels = 2;
        const auto data = test_bytes(static_cast<size_t>(kPixels * n * count), 61, count >= 257);
        std::vector<const uint8_t*> rows;
        for (int64_t r = 0; r < kPixels * count; ++r) rows.push_back(data.data() + r * n);
        for (int bits = 0; bits < 16; ++bits) {
          const bool is_signed = bits & 1;
          const Scales& s = scales[bits / 2];
          INFO(row.name << " n " << n << " rows " << count << " case " << bits);
          std::vector<uint8_t> y(static_cast<size_t>(kPixels * n) + 2, kGuard);
          const Int8Output out{y.data() + 1, is_signed ? DType::kInt8 : DType::kUint8,
                               is_signed ? -5 : 130, is_signed ? -100 : 7, is_signed ? 101 : 240};
          const int32_t zero = is_signed ? 4 : 121;
          kernel.run({rows.data(), count, n, kPixels, is_signed, zero, s.x, s.divisor, s.y, out});
          for (int64_t i = 0; i < kPixels * n; ++i) {
            float sum = 0;
            for (int64_t r = 0; r < count; ++r) {
              const uint8_t* from = rows[static_cast<size_t>(i / n * count + r)];
              sum += static_cast<float>(test_int8(from, is_signed, i % n) - zero) * s.x;
            }
            const float value = sum / s.divisor / s.y;
            const double q =
                std::isnan(value)
                    ? out.lo
                    : std::clamp(std::nearbyint(static_cast<double>(value)) + out.zero_point,
                                 static_cast<double>(out.lo), static_cast<double>(out.hi));
            REQUIRE(test_int8(y.data() + 1, is_signed, i) == q);
          }
          REQUIRE(y.front() == kGuard);
          REQUIRE(y.back() == kGuard);
        }
      }
    }
  });
}

TEST_CASE("QuantizeInt8 rows: ties, saturation, infinities, NaN", "[kernels][int8]") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> pattern = {
      0.0f,   0.25f, -0.25f, 0.75f, 1.25f, -0.75f,    63.6f,       -63.9f, 1e9f,    -1e9f,  3e38f,
      -3e38f, inf,   -inf,   NAN,   -NAN,  4194304.f, -4194304.5f, 6.3e6f, -1.3e7f, 1e-40f, -0.0f};
  for_each_row<QuantizeInt8>([&](const KernelRow& row, const QuantizeInt8& kernel) {
    INFO(row.name);
    for (int64_t n : kSizes) {
      for (bool is_signed : {false, true}) {
        std::vector<float> x;
        for (int64_t i = 0; i < n; ++i)
          x.push_back(pattern[static_cast<size_t>(i) % pattern.size()]);
        std::vector<uint8_t> y(static_cast<size_t>(n) + 1, kGuard);
        const Int8Output out{y.data(), is_signed ? DType::kInt8 : DType::kUint8,
                             is_signed ? -5 : 130, is_signed ? -128 : 0, is_signed ? 127 : 255};
        kernel.run(x.data(), n, 0.5f, out);
        for (int64_t i = 0; i < n; ++i) {
          const float value = x[static_cast<size_t>(i)];
          const double q =
              std::isnan(value)
                  ? out.lo
                  : std::clamp(std::nearbyint(static_cast<double>(value / 0.5f)) + out.zero_point,
                               static_cast<double>(out.lo), static_cast<double>(out.hi));
          INFO("x " << value);
          REQUIRE(test_int8(y.data(), is_signed, i) == q);
        }
        REQUIRE(y.back() == kGuard);
      }
    }
  });
}

TEST_CASE("DequantizeInt8 rows", "[kernels][int8]") {
  for_each_row<DequantizeInt8>([&](const KernelRow& row, const DequantizeInt8& kernel) {
    INFO(row.name);
    for (int64_t n : kSizes) {
      for (bool is_signed : {false, true}) {
        const auto x = test_bytes(static_cast<size_t>(n) + 1, 41);
        std::vector<float> y(static_cast<size_t>(n) + 1, -1.0f);
        kernel.run({x.data() + 1, is_signed, 9}, n, 0.1f, y.data());
        for (int64_t i = 0; i < n; ++i) {
          REQUIRE(y[static_cast<size_t>(i)] ==
                  static_cast<float>(test_int8(x.data() + 1, is_signed, i) - 9) * 0.1f);
        }
        REQUIRE(y.back() == -1.0f);
      }
    }
  });
}

TEST_CASE("max_pool_int8 skips the padding", "[kernels][int8]") {
  // 1 x 4 pixels of 17 channels, window 3, pad 1, stride 2: taps {0, 1}, {1, 2, 3}.
  const auto x = test_bytes(4 * 17, 51);
  PoolShape shape;
  shape.channels = 17;
  shape.window.axes[2] = {4, 2, 3, 2, 1, 1, 0};
  std::vector<uint8_t> y(2 * 17);
  max_pool_int8(x.data(), true, shape, y.data());
  for (size_t c = 0; c < 17; ++c) {
    const auto at = [&](size_t pixel) { return static_cast<int8_t>(x[pixel * 17 + c]); };
    CHECK(static_cast<int8_t>(y[c]) == std::max(at(0), at(1)));
    CHECK(static_cast<int8_t>(y[17 + c]) == std::max({at(1), at(2), at(3)}));
  }
}
