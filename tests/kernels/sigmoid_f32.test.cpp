// Every row of SigmoidFloat32, TanhFloat32, ErfFloat32 and ExpFloat32 against the functions in
// double; ExpFloat32 by the bit against scalar too.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/float.h"
#include "support/kernel_rows.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Both signs, from 1e-8 to 80 in steps of 1/300 of the value.
std::vector<float> magnitudes() {
  std::vector<float> values{0.0f, -0.0f};
  for (double x = 1e-8; x < 80; x *= 1.0033) {
    values.push_back(static_cast<float>(x));
    values.push_back(static_cast<float>(-x));
  }
  return values;
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double tanh_of(double x) { return std::tanh(x); }
double erf_of(double x) { return std::erf(x); }

// Largest relative error; the kernel works in place.
template <class Kernel>
double worst(const Kernel& kernel, double (*truth)(double)) {
  const std::vector<float> x = magnitudes();
  std::vector<float> y = x;
  kernel.run(y.data(), static_cast<int64_t>(y.size()), y.data());
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = truth(x[i]);
    error = std::max(error, std::abs(y[i] - want) / std::max(std::abs(want), 1e-30));
  }
  return error;
}

template <class Kernel>
void check_ends(const Kernel& kernel, float low, float high) {
  std::vector<float> x{-kInfinity, -1000, 1000, kInfinity, std::nanf("")}, y(x.size());
  kernel.run(x.data(), static_cast<int64_t>(x.size()), y.data());
  for (size_t i : {0, 1}) CHECK(std::abs(y[i] - low) < 1e-37f);
  for (size_t i : {2, 3}) CHECK(y[i] == high);
  CHECK(std::isnan(y[4]));
}

template <class Kernel>
void check_sizes(const Kernel& kernel) {
  for (size_t n : {0, 1, 3, 4, 5, 14}) {
    std::vector<float> x(n + 1, 0.7f), y(n + 2, 5.0f);
    kernel.run(x.data() + 1, static_cast<int64_t>(n), y.data() + 1);
    CHECK(y.front() == 5.0f);
    CHECK(y.back() == 5.0f);
    for (size_t i = 1; i <= n; ++i) CHECK(y[i] == y[1]);
  }
}

}  // namespace

TEST_CASE("erf keeps its relative accuracy everywhere", "[kernels][float]") {
  const int count = for_each_row<ErfFloat32>([](const KernelRow& row, const auto& kernel) {
    INFO(row.name);
    CHECK(worst(kernel, erf_of) < 3e-7);
    std::vector<float> got = magnitudes(), want = got;
    const auto n = static_cast<int64_t>(got.size());
    kernel.run(got.data(), n, got.data());
    erf_f32_scalar.run(want.data(), n, want.data());
    CHECK(got == want);
    check_ends(kernel, -1, 1);
    check_sizes(kernel);
  });
  CHECK(count >= 2);
}

TEST_CASE("exp keeps its relative accuracy up to both ends", "[kernels][float]") {
  std::vector<float> x;
  for (double value = -86.9; value < 88.7; value += 0.00917) x.push_back(static_cast<float>(value));
  for (double value = 1e-8; value < 1; value *= 1.7) x.push_back(static_cast<float>(-value));
  const int count = for_each_row<ExpFloat32>([&](const KernelRow& row, const auto& kernel) {
    INFO(row.name);
    std::vector<float> y(x.size());
    kernel.run(x.data(), static_cast<int64_t>(x.size()), 0, y.data());
    double error = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp(static_cast<double>(x[i]));
      error = std::max(error, std::abs(y[i] - want) / want);
    }
    CHECK(error < 2e-7);
    std::vector<float> ends{-kInfinity, -3e38f, -104, -88, 89, 1e30f, kInfinity, std::nanf("")};
    kernel.run(ends.data(), 8, 0, ends.data());
    for (size_t i = 0; i < 4; ++i) CHECK(ends[i] == 0.0f);
    for (size_t i = 4; i < 7; ++i) CHECK(ends[i] == kInfinity);
    CHECK(std::isnan(ends[7]));
  });
  CHECK(count >= 2);
}

TEST_CASE("exp sums what it writes, with the same bits in every row", "[kernels][float]") {
  for (size_t n : {0, 1, 3, 4, 5, 14, 1031}) {
    CAPTURE(n);
    std::vector<float> x;
    for (size_t i = 0; i < n; ++i) x.push_back(static_cast<float>(i * 7919 % 1013) * 0.03f - 20.0f);
    std::vector<float> want(n + 1, 7.0f), got(n + 1, 7.0f);
    const float shift = 10.25f;
    const float want_sum =
        exp_f32_scalar.run(x.data(), static_cast<int64_t>(n), shift, want.data());
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i]) - shift);
    CHECK(std::abs(want_sum - sum) <= 1e-6 * sum);
    for_each_row<ExpFloat32>([&](const KernelRow& row, const auto& kernel) {
      INFO(row.name);
      CHECK(kernel.run(x.data(), static_cast<int64_t>(n), shift, got.data()) == want_sum);
      CHECK(got == want);
      if (n == 0) return;
      CHECK(kernel.largest(x.data(), static_cast<int64_t>(n)) == *std::ranges::max_element(x));
    });
  }
}

TEST_CASE("sigmoid and tanh keep their relative accuracy everywhere", "[kernels][float]") {
  const int sigmoids = for_each_row<SigmoidFloat32>([](const KernelRow& row, const auto& kernel) {
    INFO(row.name);
    CHECK(worst(kernel, sigmoid) < 1e-6);
    check_ends(kernel, 0, 1);
    check_sizes(kernel);
  });
  const int tanhs = for_each_row<TanhFloat32>([](const KernelRow& row, const auto& kernel) {
    INFO(row.name);
    CHECK(worst(kernel, tanh_of) < 1e-6);
    check_ends(kernel, -1, 1);
    check_sizes(kernel);
  });
  CHECK(sigmoids >= 2);
  CHECK(tanhs >= 2);
}
