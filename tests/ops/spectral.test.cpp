// DFT, STFT and the tables of signal processing, against sums in double and published values.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <complex>
#include <numbers>

#include "core/error.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr Tolerance kNear{1e-4f, 1e-4f};

double at(const Tensor& tensor, int64_t i) { return tensor.data<float>()[static_cast<size_t>(i)]; }

// One number of the transform of `count` reals that stand `step` apart, padded to `size`.
std::complex<double> bin(const Tensor& x, int64_t first, int64_t step, int64_t count, int64_t size,
                         int64_t f) {
  std::complex<double> sum = 0;
  for (int64_t n = 0; n < std::min(count, size); ++n) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(f * n) / size;
    sum += at(x, first + n * step) * std::polar(1.0, angle);
  }
  return sum;
}

}  // namespace

TEST_CASE("DFT transforms along its axis", "[ops][spectral]") {
  const int64_t size = GENERATE(7, 5, 9);  // as it is, cut, padded
  const bool onesided = GENERATE(true, false);
  const Tensor x = random_tensor({2, 7, 3, 1}, 1);
  const Tensor y = run_op({.op = "DFT",
                           .opset = 20,
                           .attributes = {{"onesided", int64_t{onesided}}},
                           .inputs = {x, i64({}, {size}), i64({}, {1})}})[0];
  const int64_t bins = onesided ? size / 2 + 1 : size;
  REQUIRE(y.shape() == Shape{2, bins, 3, 2});
  for (int64_t i = 0; i < 2 * bins * 3; ++i) {
    const int64_t b = i / (bins * 3), f = i / 3 % bins, c = i % 3;
    const auto want = bin(x, b * 21 + c, 3, 7, size, f);
    CHECK(at(y, 2 * i) == Catch::Approx(want.real()).margin(1e-5));
    CHECK(at(y, 2 * i + 1) == Catch::Approx(want.imag()).margin(1e-5));
  }
}

TEST_CASE("An inverse DFT brings the signal back, in either opset", "[ops][spectral]") {
  const Tensor x = random_tensor({2, 6, 2}, 1);
  const Tensor there = run_op({.op = "DFT", .opset = 17, .inputs = {x}})[0];
  const Tensor back = run_op(
      {.op = "DFT", .opset = 17, .attributes = {{"inverse", int64_t{1}}}, .inputs = {there}})[0];
  CHECK(difference(back, x, kNear) == "");
  const Tensor newer = run_op({.op = "DFT", .opset = 20, .inputs = {x}})[0];
  CHECK(difference(newer, there, kNear) == "");
}

TEST_CASE("STFT transforms windowed frames", "[ops][spectral]") {
  const Tensor x = random_tensor({2, 20, 1}, 1), window = random_tensor({6}, 2);
  const Tensor y = run_op({.op = "STFT", .opset = 17, .inputs = {x, i64({}, {4}), window}})[0];
  REQUIRE(y.shape() == Shape{2, 4, 4, 2});
  for (int64_t i = 0; i < 32; ++i) {
    const int64_t b = i / 16, frame = i / 4 % 4, f = i % 4;
    std::vector<float> cut;
    for (int64_t n = 0; n < 6; ++n) {
      cut.push_back(static_cast<float>(at(x, b * 20 + frame * 4 + n) * at(window, n)));
    }
    const auto want = bin(f32({6}, cut), 0, 1, 6, 6, f);
    CHECK(at(y, 2 * i) == Catch::Approx(want.real()).margin(1e-5));
    CHECK(at(y, 2 * i + 1) == Catch::Approx(want.imag()).margin(1e-5));
  }
  CHECK_THROWS_AS(run_op({.op = "STFT", .opset = 17, .inputs = {x, i64({}, {0}), window}}), Error);
}

TEST_CASE("Windows have their published values", "[ops][spectral]") {
  const auto window = [](const char* op, int64_t size, int64_t periodic) {
    return run_op({.op = op,
                   .opset = 17,
                   .attributes = {{"periodic", periodic}},
                   .inputs = {i64({}, {size})}})[0];
  };
  const Tensor hann = window("HannWindow", 4, 1), symmetric = window("HannWindow", 5, 0);
  CHECK(difference(hann, f32({4}, {0, 0.5f, 1, 0.5f}), kNear) == "");
  CHECK(difference(symmetric, f32({5}, {0, 0.5f, 1, 0.5f, 0}), kNear) == "");
  CHECK(difference(window("HammingWindow", 2, 1), f32({2}, {0.0869565f, 1}), kNear) == "");
  CHECK(difference(window("BlackmanWindow", 4, 1), f32({4}, {0, 0.34f, 1, 0.34f}), kNear) == "");
}

TEST_CASE("MelWeightMatrix is the example of the specification", "[ops][spectral]") {
  // The operator's own example: 8 bins, a transform of 16, 8192 Hz, edges 0 and 4096 Hz.
  const Tensor y = run_op(
      {.op = "MelWeightMatrix",
       .opset = 17,
       .inputs = {i64({}, {8}), i64({}, {16}), i64({}, {8192}), f32({}, {0}), f32({}, {4096})}})[0];
  REQUIRE(y.shape() == Shape{9, 8});
  const std::vector<std::vector<float>> rows = {
      {1, 1, 0, 0, 0, 0, 0, 0}, {0, 0, 1, 1, 0, 0, 0, 0}, {0, 0, 0, 0, 1, 0, 0, 0},
      {0, 0, 0, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 0, 1, 0}, {0, 0, 0, 0, 0, 0, 0, 1},
      {0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}};
  for (int64_t i = 0; i < 72; ++i) {
    CAPTURE(i / 8, i % 8);
    CHECK(at(y, i) == rows[static_cast<size_t>(i / 8)][static_cast<size_t>(i % 8)]);
  }
}
