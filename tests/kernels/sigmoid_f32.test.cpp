// Every row of SigmoidFloat32 and TanhFloat32 against the functions in double.
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
