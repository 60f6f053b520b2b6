// Operators that no other runtime at hand runs: QLinearReduceMean, MatMulNBits of eight bits with
// float zero points; by their formulas. The rest of com.microsoft:
// tests/node/quantized_ops.test.ts.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

TEST_CASE("QLinearReduceMean by its formula", "[ops][qlinear]") {
  std::vector<uint8_t> x;
  for (int i = 0; i < 2 * 3 * 5; ++i) x.push_back(static_cast<uint8_t>(i * 83 % 256));
  const float x_scale = 0.03f, y_scale = 0.02f;
  for (const bool is_signed : {false, true}) {
    for (const bool keeps : {true, false}) {
      const int x_zero = is_signed ? -7 : 120, y_zero = is_signed ? 5 : 100;
      const auto value = [&](int64_t i) {
        const uint8_t byte = x[static_cast<size_t>(i)];
        return is_signed ? static_cast<int8_t>(byte) : static_cast<int>(byte);
      };
      const auto zero = [&](int z) {
        return is_signed ? Tensor::scalar(static_cast<int8_t>(z))
                         : Tensor::scalar(static_cast<uint8_t>(z));
      };
      const Tensor data = is_signed ? s8({2, 3, 5}, {x.begin(), x.end()}) : u8({2, 3, 5}, x);
      const Tensor y = run_op({.op = "QLinearReduceMean",
                               .domain = "com.microsoft",
                               .opset = 1,
                               .attributes = {{"axes", ints({-2})}, {"keepdims", int64_t{keeps}}},
                               .inputs = {data, Tensor::scalar(x_scale), zero(x_zero),
                                          Tensor::scalar(y_scale), zero(y_zero)},
                               .constants = {1, 2, 3, 4}})[0];
      REQUIRE(y.shape() == (keeps ? Shape{2, 1, 5} : Shape{2, 5}));
      for (int64_t n = 0; n < 2; ++n) {
        for (int64_t c = 0; c < 5; ++c) {
          double sum = 0;
          for (int64_t i = 0; i < 3; ++i) sum += value(n * 15 + i * 5 + c) - x_zero;
          const double steps =
              sum / 3 * static_cast<double>(x_scale) / static_cast<double>(y_scale);
          const double low = is_signed ? -128 : 0;
          const double want = std::clamp(std::nearbyint(steps) + y_zero, low, low + 255);
          const auto at = static_cast<size_t>(n * 5 + c);
          CHECK((is_signed ? y.data<int8_t>()[at] : static_cast<int>(y.data<uint8_t>()[at])) ==
                static_cast<int>(want));
        }
      }
    }
  }
}

TEST_CASE("a constant B waits for its zero point", "[session][qlinear]") {
  GraphBuilder g;
  const ValueId a = g.input("a", {2, 3}, DType::kUint8);
  const ValueId zero = g.input("zero", {2}, DType::kInt8);
  const ValueId b = g.constant(s8({3, 2}, {1, -2, 3, -4, 5, -6}));
  g.output(g.node("MatMulInteger", {a, b, kNone, zero}));
  Session session(g.build());
  for (const int8_t z : {int8_t{0}, int8_t{4}}) {
    const Tensor y =
        session.run({{"a", u8({2, 3}, {1, 2, 3, 200, 0, 7})}, {"zero", s8({2}, {z, 1})}})[0].tensor;
    const int32_t sums[] = {6, 207};
    CHECK(difference(y, i32({2, 2}, {1 + 6 + 15 - z * sums[0], -2 - 8 - 18 - sums[0],
                                     200 + 35 - z * sums[1], -400 - 42 - sums[1]})) == "");
  }
}

TEST_CASE("MatMulNBits of eight bits with float zero points", "[ops][nbits]") {
  const int64_t m = 3, k = 20, n = 70, block = 16, blocks = 2;
  std::vector<uint8_t> b;
  for (int64_t i = 0; i < n * blocks * block; ++i) b.push_back(static_cast<uint8_t>(i * 59 % 256));
  const std::vector<float> a = random_floats(static_cast<size_t>(m * k), 1, -1, 1);
  const std::vector<float> scales = random_floats(static_cast<size_t>(n * blocks), 2, 0.01f, 0.1f);
  const std::vector<float> zeros = random_floats(static_cast<size_t>(n * blocks), 3, 100, 140);
  const std::vector<float> bias = random_floats(static_cast<size_t>(n), 4, -1, 1);
  const Tensor y =
      run_op({.op = "MatMulNBits",
              .domain = "com.microsoft",
              .opset = 1,
              .attributes = {{"K", k}, {"N", n}, {"bits", int64_t{8}}, {"block_size", block}},
              .inputs = {f32({m, k}, a),
                         u8({n, blocks, block}, b),
                         f32({n * blocks}, scales),
                         f32({n * blocks}, zeros),
                         {},
                         f32({n}, bias)},
              .constants = {1, 2, 3, 5}})[0];
  std::vector<float> want;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = static_cast<double>(bias[static_cast<size_t>(j)]);
      for (int64_t t = 0; t < k; ++t) {
        const auto g = static_cast<size_t>(j * blocks + t / block);
        const auto q = static_cast<double>(b[static_cast<size_t>(j * blocks * block + t)]);
        sum += static_cast<double>(a[static_cast<size_t>(i * k + t)]) *
               (q - static_cast<double>(zeros[g])) * static_cast<double>(scales[g]);
      }
      want.push_back(static_cast<float>(sum));
    }
  }
  CHECK(difference(y, f32({m, n}, want), kFloatSums) == "");
}
