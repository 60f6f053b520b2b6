// Pools against their definition. How windows lie is the matter of spatial.test.cpp.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <string>

#include "core/error.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct PoolCase {
  const char* what;
  Shape x;
  int64_t kernel, stride, dilation, pad;  // square
};

// max, sum and number of the values under a window of a [N, C, H, W] tensor.
struct Seen {
  double max = -INFINITY, sum = 0;
  int64_t count = 0;
};
Seen look(const PoolCase& c, const Tensor& x, int64_t plane, int64_t oy, int64_t ox) {
  Seen seen;
  const int64_t h = c.x[2], w = c.x[3];
  for (int64_t ky = 0; ky < c.kernel; ++ky) {
    for (int64_t kx = 0; kx < c.kernel; ++kx) {
      const int64_t y = oy * c.stride + ky * c.dilation - c.pad;
      const int64_t z = ox * c.stride + kx * c.dilation - c.pad;
      if (y < 0 || y >= h || z < 0 || z >= w) continue;
      const double value = x.data<float>()[static_cast<size_t>((plane * h + y) * w + z)];
      seen.max = std::fmax(seen.max, value);
      seen.sum += value;
      ++seen.count;
    }
  }
  return seen;
}

template <class Value>
Tensor naive(const PoolCase& c, const Tensor& x, const Shape& y_shape, Value value) {
  Tensor y = Tensor::allocate(DType::kFloat32, y_shape);
  for (int64_t i = 0; i < y.size(); ++i) {
    const int64_t oh = y_shape[2], ow = y_shape[3];
    y.mutable_data<float>()[static_cast<size_t>(i)] =
        static_cast<float>(value(look(c, x, i / (oh * ow), i / ow % oh, i % ow)));
  }
  return y;
}

OpCase pool(const char* op, const PoolCase& c, Tensor x) {
  return {.op = op,
          .attributes = {{"kernel_shape", ints({c.kernel, c.kernel})},
                         {"strides", ints({c.stride, c.stride})},
                         {"dilations", ints({c.dilation, c.dilation})},
                         {"pads", ints({c.pad, c.pad, c.pad, c.pad})}},
          .inputs = {std::move(x)}};
}

const PoolCase kCases[] = {
    {"2x2 of stride 2", {2, 9, 6, 8}, 2, 2, 1, 0},
    {"3x3 padded", {1, 4, 5, 7}, 3, 1, 1, 1},
    {"3x3 of stride 2, padded", {1, 17, 9, 9}, 3, 2, 1, 1},
    {"dilated", {1, 3, 9, 10}, 3, 1, 2, 2},
    {"one channel", {3, 1, 6, 6}, 2, 2, 1, 0},
    {"81 taps, more than one lot", {1, 6, 12, 13}, 9, 3, 1, 4},
};

}  // namespace

TEST_CASE("MaxPool and AveragePool equal their definitions", "[ops][pool]") {
  for (const PoolCase& c : kCases) {
    INFO(c.what);
    const Tensor x = random_tensor(c.x, 1);
    const Tensor max = run_op(pool("MaxPool", c, x))[0];
    CHECK(difference(max, naive(c, x, max.shape(), [](Seen s) { return s.max; })) == "");

    OpCase average = pool("AveragePool", c, x);
    const Tensor inside = run_op(average)[0];
    CHECK(difference(inside,
                     naive(c, x, inside.shape(), [](Seen s) { return s.sum / double(s.count); }),
                     kFloatSums) == "");
    average.attributes.push_back({"count_include_pad", int64_t{1}});
    const double taps = static_cast<double>(c.kernel * c.kernel);
    CHECK(difference(run_op(average)[0],
                     naive(c, x, inside.shape(), [taps](Seen s) { return s.sum / taps; }),
                     kFloatSums) == "");
  }
}

TEST_CASE("MaxPool keeps 8-bit values", "[ops][pool]") {
  const PoolCase c{"3x3", {1, 19, 5, 6}, 3, 2, 1, 1};
  const Tensor x = random_tensor(c.x, 1, -128, 127);
  Tensor floats = Tensor::allocate(DType::kFloat32, c.x),
         bytes = Tensor::allocate(DType::kInt8, c.x);
  Tensor shifted = Tensor::allocate(DType::kUint8, c.x);
  for (size_t i = 0; i < static_cast<size_t>(x.size()); ++i) {
    const float value = std::floor(x.data<float>()[i]);
    floats.mutable_data<float>()[i] = value;
    bytes.mutable_data<int8_t>()[i] = static_cast<int8_t>(value);
    shifted.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(value + 128);
  }
  const Tensor expected = run_op(pool("MaxPool", c, floats))[0];
  const Tensor s8_result = run_op(pool("MaxPool", c, bytes))[0];
  const Tensor u8_result = run_op(pool("MaxPool", c, shifted))[0];
  REQUIRE(s8_result.shape() == expected.shape());
  for (size_t i = 0; i < static_cast<size_t>(expected.size()); ++i) {
    const int value = static_cast<int>(expected.data<float>()[i]);
    CHECK(s8_result.data<int8_t>()[i] == value);
    CHECK(u8_result.data<uint8_t>()[i] == value + 128);
  }
}

TEST_CASE("global pools reduce the whole image", "[ops][pool]") {
  for (const Shape& shape : {Shape{2, 5, 7, 9}, Shape{1, 12, 200}, Shape{3, 1, 2, 3, 4}}) {
    const Tensor x = random_tensor(shape, 1);
    const int64_t pixels = x.size() / (shape[0] * shape[1]);
    Shape y_shape(shape.size(), 1);
    y_shape[0] = shape[0];
    y_shape[1] = shape[1];
    Tensor mean = Tensor::allocate(DType::kFloat32, y_shape), max = mean;
    for (int64_t i = 0; i < mean.size(); ++i) {
      const auto plane =
          x.data<float>().subspan(static_cast<size_t>(i * pixels), static_cast<size_t>(pixels));
      double sum = 0;
      float top = plane[0];
      for (float value : plane) {
        sum += value;
        top = std::fmax(top, value);
      }
      mean.mutable_data<float>()[static_cast<size_t>(i)] =
          static_cast<float>(sum / static_cast<double>(pixels));
      max.mutable_data<float>()[static_cast<size_t>(i)] = top;
    }
    CHECK(difference(run_op({.op = "GlobalAveragePool", .inputs = {x}})[0], mean, kFloatSums) ==
          "");
    CHECK(difference(run_op({.op = "GlobalMaxPool", .inputs = {x}})[0], max) == "");
  }
}

TEST_CASE("GlobalMaxPool keeps 8-bit values", "[ops][pool]") {
  const Tensor x = s8({1, 2, 2, 3}, {-9, -3, -7, -128, -4, -5, 1, 2, 127, 3, 4, -6});
  CHECK(difference(run_op({.op = "GlobalMaxPool", .inputs = {x}})[0],
                   s8({1, 2, 1, 1}, {-3, 127})) == "");
}

TEST_CASE("pools refuse what they cannot do", "[ops][pool]") {
  const PoolCase c{"2x2", {1, 2, 4, 4}, 2, 2, 1, 0};
  CHECK_THROWS_AS(run_op({.op = "MaxPool", .inputs = {random_tensor(c.x, 1)}}), Error);
  CHECK_THROWS_AS(run_op(pool("AveragePool", c, Tensor::allocate(DType::kInt8, c.x))), Error);
}

TEST_CASE("pools infer symbolic dims", "[ops][pool]") {
  const PoolCase c{"2x2", {1, 2, 4, 4}, 2, 2, 1, 0};
  const Dim n{-1, "N"}, h{-1, "H"}, one{1, {}}, two{2, {}}, four{4, {}};
  const OpCase max = pool("MaxPool", c, random_tensor(c.x, 1));
  CHECK(infer_op(max, {Dims{n, two, h, four}})[0].dims == Dims{n, two, Dim{}, two});
  const OpCase global{.op = "GlobalAveragePool", .inputs = {random_tensor(c.x, 1)}};
  CHECK(infer_op(global, {Dims{n, two, h, h}})[0].dims == Dims{n, two, one, one});
}
