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
      run.attributes.push_back({"spatial", int64_t{0}});
      CHECK_THROWS_AS(run_op(run), Error);
    }
  }
}

TEST_CASE("BatchNormalization in training takes the moments of the batch", "[ops][norm]") {
  const Shape shape{3, 4, 2, 5};
  const int64_t channels = shape[1];
  const Tensor x = random_tensor(shape, 1, 9.0f, 11.0f), scale = random_tensor({channels}, 2),
               bias = random_tensor({channels}, 3), mean = random_tensor({channels}, 4),
               variance = random_tensor({channels}, 5, 0.1f, 2.0f);
  std::vector<Moments> batch;
  for (int64_t c = 0; c < channels; ++c) {
    std::vector<float> values;
    for (int64_t i = 0; i < x.size(); ++i) {
      if (i / 10 % channels == c) values.push_back(static_cast<float>(at(x, i)));
    }
    batch.push_back(moments(f32({30}, values), 0, 30));
  }
  const auto of = [&](int64_t c) { return batch[static_cast<size_t>(c)]; };
  const Tensor expected = per_plane(x, [&](int64_t i, int64_t c, int64_t) {
    return (at(x, i) - of(c).mean) / std::sqrt(of(c).variance + kEpsilon) * at(scale, c) +
           at(bias, c);
  });
  for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
    const auto outputs = run_op(
        {.op = "BatchNormalization",
         .opset = 15,
         .attributes = {{"epsilon", kEpsilon}, {"training_mode", int64_t{1}}, {"momentum", 0.75f}},
         .inputs = {x, scale, bias, mean, variance},
         .layout = layout,
         .outputs = 3});
    CHECK(difference(outputs[0], expected, kNormal) == "");
    for (int64_t c = 0; c < channels; ++c) {
      CHECK(at(outputs[1], c) == Catch::Approx(0.75 * at(mean, c) + 0.25 * of(c).mean));
      CHECK(at(outputs[2], c) == Catch::Approx(0.75 * at(variance, c) + 0.25 * of(c).variance));
    }
  }
}

TEST_CASE("GroupNormalization takes parameters per group or per channel", "[ops][norm]") {
  const Shape shape{2, 6, 3, 5};
  const int64_t groups = GENERATE(1, 2, 3, 6);
  const bool per_group = GENERATE(true, false);
  const Tensor x = random_tensor(shape, 1, 3.0f, 5.0f);
  const int64_t count = per_group ? groups : 6, width = 6 / groups, size = width * 15;
  const Tensor scale = random_tensor({count}, 2), bias = random_tensor({count}, 3);
  const Tensor expected = per_plane(x, [&](int64_t i, int64_t c, int64_t) {
    const Moments m = moments(x, i / size * size, size);
    const int64_t p = per_group ? c / width : c;
    return (at(x, i) - m.mean) / std::sqrt(m.variance + kEpsilon) * at(scale, p) + at(bias, p);
  });
  for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
    const OpCase run{.op = "GroupNormalization",
                     .attributes = {{"epsilon", kEpsilon}, {"num_groups", groups}},
                     .inputs = {x, scale, bias},
                     .layout = layout};
    CHECK(difference(run_op(run)[0], expected, kNormal) == "");
  }
}

TEST_CASE("onnxruntime's normalizations add before they normalize", "[ops][norm]") {
  const int64_t size = 7;
  const Tensor x = random_tensor({2, 3, size}, 1), gamma = random_tensor({size}, 3),
               beta = random_tensor({size}, 4), bias = random_tensor({size}, 5);
  const bool simplified = GENERATE(true, false);
  for (const Shape& skip_shape : {Shape{2, 3, size}, Shape{1, 3, size}, Shape{3, size}}) {
    const Tensor skip = random_tensor(skip_shape, 2);
    Tensor sum = Tensor::allocate(DType::kFloat32, x.shape());
    for (int64_t i = 0; i < x.size(); ++i) {
      sum.mutable_data<float>()[static_cast<size_t>(i)] =
          static_cast<float>(at(x, i) + at(skip, i % skip.size()) + at(bias, i % size));
    }
    OpCase run{.op = simplified ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization",
               .domain = "com.microsoft",
               .attributes = {{"epsilon", kEpsilon}},
               .inputs = {x, skip, gamma, beta, bias},
               .outputs = 4};
    if (simplified) run.inputs.erase(run.inputs.begin() + 3);
    const auto outputs = run_op(run);
    CHECK(difference(outputs[3], sum, kNormal) == "");
    for (int64_t i = 0; i < x.size(); ++i) {
      Moments m = moments(sum, i / size * size, size);
      if (simplified) m = {0, m.variance + m.mean * m.mean};
      const double normal = (at(sum, i) - m.mean) / std::sqrt(m.variance + kEpsilon);
      const double offset = simplified ? 0 : at(beta, i % size);
      CHECK(at(outputs[0], i) == Catch::Approx(normal * at(gamma, i % size) + offset).margin(1e-5));
    }
  }
}

TEST_CASE("EmbedLayerNormalization sums three embeddings", "[ops][norm]") {
  const int64_t size = 5;
  const Tensor word = random_tensor({9, size}, 1), position = random_tensor({4, size}, 2),
               segment = random_tensor({2, size}, 3), gamma = random_tensor({size}, 4),
               beta = random_tensor({size}, 5);
  const std::vector<int32_t> ids{8, 0, 3, 2, 2, 7}, segments{0, 1, 1, 0, 0, 1};
  OpCase run{.op = "EmbedLayerNormalization",
             .domain = "com.microsoft",
             .attributes = {{"epsilon", kEpsilon}},
             .inputs = {i32({2, 3}, ids), i32({2, 3}, segments), word, position, segment, gamma,
                        beta, i32({2, 3}, {1, 1, 0, 1, 0, 0})},
             .outputs = 3};
  const auto outputs = run_op(run);
  CHECK(outputs[1].data<int32_t>()[0] == 2);
  CHECK(outputs[1].data<int32_t>()[1] == 1);
  for (int64_t i = 0; i < 6 * size; ++i) {
    const int64_t token = i / size, d = i % size;
    const auto t = static_cast<size_t>(token);
    CHECK(at(outputs[2], i) ==
          Catch::Approx(at(word, ids[t] * size + d) + at(position, token % 3 * size + d) +
                        at(segment, segments[t] * size + d)));
    const Moments m = moments(outputs[2], token * size, size);
    CHECK(at(outputs[0], i) == Catch::Approx((at(outputs[2], i) - m.mean) /
                                                 std::sqrt(m.variance + kEpsilon) * at(gamma, d) +
                                             at(beta, d))
                                   .margin(1e-5));
  }
  run.inputs[0] = i32({2, 3}, {9, 0, 3, 2, 2, 7});  // no such row
  CHECK_THROWS_AS(run_op(run), Error);
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
