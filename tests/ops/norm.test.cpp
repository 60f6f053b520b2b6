// Normalizations against their equations in double.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr float kEpsilon = 1e-3f;
constexpr Tolerance kNormal{1e-5f, 1e-5f};

double at(const Tensor& tensor, int64_t i) { return tensor.data<float>()[static_cast<size_t>(i)]; }

// y[i] = f(i, channel of i, first element of the plane of i)
template <class F>
Tensor per_plane(const Tensor& x, F f) {
  Tensor y = Tensor::allocate(DType::kFloat32, x.shape());
  const int64_t channels = x.shape()[1], pixels = x.size() / (x.shape()[0] * channels);
  for (int64_t i = 0; i < x.size(); ++i) {
    y.mutable_data<float>()[static_cast<size_t>(i)] =
        static_cast<float>(f(i, i / pixels % channels, i / pixels * pixels));
  }
  return y;
}

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(const Tensor& x, int64_t first, int64_t count) {
  Moments m;
  for (int64_t i = 0; i < count; ++i) m.mean += at(x, first + i) / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    m.variance += std::pow(at(x, first + i) - m.mean, 2) / static_cast<double>(count);
  }
  return m;
}

}  // namespace

TEST_CASE("BatchNormalization scales channels in either layout", "[ops][norm]") {
  for (const Shape& shape :
       {Shape{2, 7}, Shape{2, 5, 9}, Shape{2, 9, 4, 5}, Shape{1, 3, 2, 3, 4}}) {
    const int64_t channels = shape[1];
    const Tensor x = random_tensor(shape, 1), scale = random_tensor({channels}, 2),
                 bias = random_tensor({channels}, 3), mean = random_tensor({channels}, 4),
                 variance = random_tensor({channels}, 5, 0.1f, 2.0f);
    const Tensor expected = per_plane(x, [&](int64_t i, int64_t c, int64_t) {
      return (at(x, i) - at(mean, c)) / std::sqrt(at(variance, c) + kEpsilon) * at(scale, c) +
             at(bias, c);
    });
    for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
      OpCase run{.op = "BatchNormalization",
                 .opset = 15,
                 .attributes = {{"epsilon", kEpsilon}},
                 .inputs = {x, scale, bias, mean, variance},
                 .constants = {1, 2, 3, 4},
                 .layout = layout};
      CHECK(difference(run_op(run)[0], expected, kNormal) == "");
      run.constants = {};
      CHECK(difference(run_op(run)[0], expected, kNormal) == "");
      run.attributes.push_back({"training_mode", int64_t{1}});
      CHECK_THROWS_AS(run_op(run), Error);
    }
  }
}

TEST_CASE("InstanceNormalization normalizes each plane", "[ops][norm]") {
  // A large mean: sums of squares alone would cancel.
  const Tensor x = random_tensor({2, 5, 6, 7}, 1, 99.0f, 101.0f);
  const Tensor scale = random_tensor({5}, 2), bias = random_tensor({5}, 3);
  const Tensor expected = per_plane(x, [&](int64_t i, int64_t c, int64_t plane) {
    const Moments m = moments(x, plane, 42);
    return (at(x, i) - m.mean) / std::sqrt(m.variance + kEpsilon) * at(scale, c) + at(bias, c);
  });
  const OpCase run{.op = "InstanceNormalization",
                   .attributes = {{"epsilon", kEpsilon}},
                   .inputs = {x, scale, bias}};
  CHECK(difference(run_op(run)[0], expected, Tolerance{1e-4f, 1e-4f}) == "");
}

TEST_CASE("LayerNormalization normalizes trailing axes", "[ops][norm]") {
  const Tensor x = random_tensor({2, 3, 4, 5}, 1);
  for (const int64_t axis : {-1, -2, 1, 0}) {
    const size_t first = static_cast<size_t>(axis < 0 ? axis + 4 : axis);
    const Shape normalized(x.shape().begin() + static_cast<ptrdiff_t>(first), x.shape().end());
    const int64_t size = element_count(normalized);
    const Tensor scale = random_tensor(normalized, 2), bias = random_tensor(normalized, 3);
    const std::vector<Tensor> results =
        run_op({.op = "LayerNormalization",
                .attributes = {{"axis", axis}, {"epsilon", kEpsilon}},
                .inputs = {x, scale, bias},
                .outputs = 3});
    Tensor expected = Tensor::allocate(DType::kFloat32, x.shape());
    for (int64_t i = 0; i < x.size(); ++i) {
      const Moments m = moments(x, i / size * size, size);
      const double inverse = 1 / std::sqrt(m.variance + kEpsilon);
      expected.mutable_data<float>()[static_cast<size_t>(i)] = static_cast<float>(
          (at(x, i) - m.mean) * inverse * at(scale, i % size) + at(bias, i % size));
      CHECK(at(results[1], i / size) == Catch::Approx(m.mean).margin(1e-6));
      CHECK(at(results[2], i / size) == Catch::Approx(inverse));
    }
    CHECK(difference(results[0], expected, kNormal) == "");
  }
  // A scale along the last axis alone, no bias.
  const Tensor scale = random_tensor({5}, 2);
  const OpCase run{
      .op = "LayerNormalization", .attributes = {{"axis", int64_t{2}}}, .inputs = {x, scale}};
  const Tensor y = run_op(run)[0];
  const Moments m = moments(x, 20, 20);
  CHECK(at(y, 27) ==
        Catch::Approx((at(x, 27) - m.mean) / std::sqrt(m.variance + 1e-5) * at(scale, 2)));
  CHECK_THROWS_AS(run_op({.op = "LayerNormalization", .inputs = {x, random_tensor({4}, 2)}}),
                  Error);
}

TEST_CASE("LRN divides by the neighbouring channels", "[ops][norm]") {
  const Tensor x = random_tensor({2, 7, 3, 2}, 1);
  for (const int64_t size : {1, 2, 3, 5, 20}) {
    const Tensor expected = per_plane(x, [&](int64_t i, int64_t c, int64_t) {
      double squares = 0;
      for (int64_t j = c - (size - 1) / 2; j <= c + size / 2; ++j) {
        if (j >= 0 && j < 7) squares += std::pow(at(x, i + (j - c) * 6), 2);
      }
      return at(x, i) / std::pow(2.0 + 0.1 / static_cast<double>(size) * squares, 0.6);
    });
    const OpCase run{
        .op = "LRN",
        .attributes = {{"size", size}, {"alpha", 0.1f}, {"beta", 0.6f}, {"bias", 2.0f}},
        .inputs = {x}};
    CHECK(difference(run_op(run)[0], expected, kNormal) == "");
  }
}
