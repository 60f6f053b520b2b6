// The residual kernel on every row against its equation, around the vector width and out of range.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>

#include "kernels/int8.h"
#include "support/kernel_rows.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct Case {
  bool x_signed, y_signed;
  int32_t x_zero, y_zero, lo, hi;
  float x_scale, spread;  // sums lie in [-spread, spread)
};

uint8_t expected(const Case& c, float sum, int32_t x) {
  // The products and the sum are rounded to float32 one by one.
  const volatile float product = static_cast<float>(x - c.x_zero) * c.x_scale;
  const volatile float total = sum + product;
  const float value = total;
  if (std::isnan(value)) return static_cast<uint8_t>(c.lo);
  const double steps = std::nearbyint(static_cast<double>(value)) + c.y_zero;
  const double clamped = std::clamp(steps, static_cast<double>(c.lo), static_cast<double>(c.hi));
  return static_cast<uint8_t>(static_cast<int32_t>(clamped));
}

}  // namespace

TEST_CASE("residual_int8: every row equals the equation", "[kernels][int8]") {
  const Case cases[] = {
      {false, false, 128, 100, 0, 255, 0.75f, 200},  // uint8 throughout
      {true, true, -3, 5, -128, 127, 1.3f, 150},     // int8 throughout
      {false, true, 7, -20, -128, 127, 0.5f, 90},    // the residual of the other type
      {true, false, 0, 0, 0, 255, 0.5f, 300},
      {false, false, 0, 30, 30, 180, 0.25f, 300},  // a clamp that binds
      {true, true, 9, 0, -128, 127, 2.0f, 3e9f},   // sums far out of range
  };
  const int rows =
      for_each_row<ResidualInt8>([&](const KernelRow& row, const ResidualInt8& kernel) {
        for (const Case& c : cases) {
          for (size_t n : {0, 1, 15, 16, 17, 31, 32, 50}) {
            for (size_t shift : {0, 1}) {
              INFO(row.name << ", n " << n << ", x zero " << c.x_zero << ", shift " << shift);
              std::vector<uint8_t> x = test_bytes(n + 1, 5);
              std::vector<float> sums = random_floats(n + 1, 7, -c.spread, c.spread);
              // Halves fall on ties with scales that are powers of two; what no sum is comes first.
              for (size_t i = 3; i < sums.size(); i += 5) sums[i] = std::floor(sums[i]) + 0.5f;
              constexpr float kInfinity = std::numeric_limits<float>::infinity();
              if (n >= 16) sums[1] = kInfinity, sums[2] = -kInfinity, sums[4] = NAN;
              std::vector<uint8_t> y(n + 2, 0xAB), want(n + 2, 0xAB);
              for (size_t i = 0; i < n; ++i) {
                const auto at = static_cast<int64_t>(i + shift);
                want[i + shift] = expected(c, sums[i + shift], test_int8(x.data(), c.x_signed, at));
              }
              ResidualRunInt8 run{sums.data() + shift,
                                  {x.data() + shift, c.x_signed, c.x_zero},
                                  c.x_scale,
                                  static_cast<int64_t>(n),
                                  {y.data() + shift, c.y_signed ? DType::kInt8 : DType::kUint8,
                                   c.y_zero, c.lo, c.hi}};
              kernel.run(run);
              CHECK(y == want);
            }
          }
        }
      });
  CHECK(rows == 2);
}
