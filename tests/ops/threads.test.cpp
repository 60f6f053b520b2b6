// Operators on one thread and on several: the same bytes, on every instruction set. Sizes are such
// that the loops are cut, at places that are no multiples of anything.
#include <catch_amalgamated.hpp>
#include <cstring>
#include <functional>
#include <random>

#include "kernels/kernels.h"
#include "ops/op.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"
#include "support/threads.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct Case {
  const char* what;
  OpCase op_case;
};

template <typename T>
Tensor bytes(Shape shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<T> values(static_cast<size_t>(element_count(shape)));
  for (T& value : values) value = static_cast<T>(random() >> 8);
  return Tensor::of<T>(std::move(shape), values);
}

Tensor scalar(float value) { return f32({}, {value}); }
Tensor zero(uint8_t value) { return u8({}, {value}); }

std::vector<Attribute> window(std::vector<int64_t> kernel, int64_t stride, int64_t group = 1) {
  const int64_t pad = kernel[0] / 2;
  return {{"kernel_shape", kernel},
          {"strides", ints({stride, stride})},
          {"pads", ints({pad, pad, pad, pad})},
          {"group", group}};
}

std::vector<Attribute> pool(int64_t kernel, int64_t stride) {
  return {{"kernel_shape", ints({kernel, kernel})},
          {"strides", ints({stride, stride})},
          {"channels_last", int64_t{0}}};
}

OpCase conv(Shape x, Shape w, int64_t stride, int64_t group = 1) {
  return {.op = "Conv",
          .attributes = window({w[2], w[3]}, stride, group),
          .inputs = {random_tensor(x, 1), random_tensor(w, 2), random_tensor({w[0]}, 3)},
          .constants = {1, 2}};
}

OpCase int8_conv(const Shape& x, const Shape& w, int64_t stride, int64_t group = 1) {
  return {.op = "QLinearConv",
          .attributes = window({w[2], w[3]}, stride, group),
          .inputs = {bytes<uint8_t>(x, 1), scalar(0.02f), zero(117), bytes<int8_t>(w, 2),
                     scalar(0.01f), s8({}, {0}), scalar(0.7f), zero(120),
                     i32({w[0]}, std::vector<int32_t>(static_cast<size_t>(w[0]), 77))},
          .constants = {1, 2, 3, 4, 5, 6, 7, 8}};
}

OpCase int8_conv_add(const Shape& x, const Shape& w, const Shape& z) {
  OpCase made = int8_conv(x, w, 1);
  made.op = "QLinearConvAdd";
  made.domain = std::string(kEightfoldDomain);
  made.opset = 1;
  for (const Tensor& more : {bytes<uint8_t>(z, 5), scalar(0.9f), zero(100)})
    made.inputs.push_back(more);
  made.constants.insert(made.constants.end(), {10, 11});
  return made;
}

OpCase int8_gemm(int64_t m, int64_t k, int64_t n) {
  return {.op = "QGemm",
          .domain = std::string(kMicrosoftDomain),
          .opset = 1,
          .inputs = {bytes<uint8_t>({m, k}, 1), scalar(0.02f), zero(99), bytes<int8_t>({k, n}, 2),
                     scalar(0.01f), s8({}, {0}), Tensor(), scalar(1.1f), zero(128)},
          .constants = {1, 2, 3, 4, 5, 7, 8}};
}

OpCase gemm(int64_t m, int64_t k, int64_t n) {
  return {.op = "Gemm",
          .inputs = {random_tensor({m, k}, 1), random_tensor({k, n}, 2), random_tensor({n}, 3)},
          .constants = {1, 2}};
}

std::vector<Case> cases() {
  const Tensor image = bytes<uint8_t>({2, 37, 61, 45}, 4);
  const std::vector<Tensor> scaled = {image, scalar(0.02f), zero(3), scalar(0.03f), zero(9)};
  return {
      {"3x3", conv({2, 19, 33, 31}, {37, 19, 3, 3}, 1)},
      {"1x1", conv({1, 40, 33, 31}, {50, 40, 1, 1}, 1)},
      {"3x3 of stride 2 in groups", conv({2, 32, 65, 63}, {64, 16, 3, 3}, 2, 2)},
      {"depthwise", conv({2, 37, 61, 45}, {37, 1, 3, 3}, 1, 37)},
      {"depthwise with a multiplier", conv({1, 37, 61, 45}, {74, 1, 3, 3}, 1, 37)},
      {"rows", gemm(203, 67, 131)},
      {"few rows", gemm(3, 600, 1003)},
      {"transposed convolution",
       {.op = "ConvTranspose",
        .attributes = {{"strides", ints({2, 2})}},
        .inputs = {random_tensor({1, 40, 25, 23}, 1), random_tensor({40, 30, 3, 3}, 2)},
        .constants = {1}}},
      {"largest of a window",
       {.op = "MaxPool", .attributes = pool(3, 1), .inputs = {random_tensor({2, 37, 61, 45}, 1)}}},
      {"mean of a window",
       {.op = "AveragePool",
        .attributes = pool(3, 2),
        .inputs = {random_tensor({2, 37, 99, 95}, 1)}}},
      {"a function", {.op = "HardSwish", .inputs = {random_tensor({2, 37, 61, 45}, 1, -5, 5)}}},
      {"sum",
       {.op = "Add",
        .inputs = {random_tensor({2, 37, 61, 45}, 1), random_tensor({2, 37, 61, 45}, 2)}}},
      {"sum over channels",
       {.op = "Add", .inputs = {random_tensor({2, 37, 61, 45}, 1), random_tensor({37, 1, 1}, 2)}}},
      {"slopes",
       {.op = "PRelu",
        .inputs = {random_tensor({2, 37, 61, 45}, 1), random_tensor({37, 1, 1}, 2)}}},
      {"int8 product over channels",
       {.op = "QLinearMul",
        .domain = std::string(kMicrosoftDomain),
        .opset = 1,
        .inputs = {image, scalar(0.02f), zero(3), bytes<uint8_t>({2, 37, 1, 1}, 6), scalar(0.01f),
                   zero(200), scalar(0.03f), zero(9)},
        .constants = {1, 2, 4, 5, 6, 7},
        .layout = Layout::kChannelsLast}},
      {"softmax of rows", {.op = "Softmax", .inputs = {random_tensor({2003, 41}, 1)}}},
      {"softmax of short rows", {.op = "Softmax", .inputs = {random_tensor({9001, 3}, 1)}}},
      {"softmax of columns",
       {.op = "Softmax",
        .attributes = {{"axis", int64_t{1}}},
        .inputs = {random_tensor({2, 3, 10007}, 1)}}},
      {"bounds",
       {.op = "Clip", .inputs = {random_tensor({2, 37, 61, 45}, 1, -5, 5), scalar(-1), scalar(2)}}},
      {"int8 3x3", int8_conv({2, 19, 33, 31}, {37, 19, 3, 3}, 1)},
      {"int8 3x3 of stride 2 in groups", int8_conv({2, 32, 65, 63}, {64, 16, 3, 3}, 2, 2)},
      {"int8 1x1", int8_conv({1, 48, 33, 31}, {50, 48, 1, 1}, 1)},
      {"int8 1x1 of few pixels", int8_conv({1, 960, 3, 3}, {323, 960, 1, 1}, 1)},
      {"int8 depthwise", int8_conv({2, 37, 61, 45}, {37, 1, 3, 3}, 1, 37)},
      {"int8 3x3 and residual", int8_conv_add({2, 19, 33, 31}, {37, 19, 3, 3}, {2, 37, 33, 31})},
      {"int8 1x1 and residual", int8_conv_add({1, 64, 33, 31}, {65, 64, 1, 1}, {1, 65, 33, 31})},
      {"int8 rows", int8_gemm(203, 67, 131)},
      {"int8 few rows", int8_gemm(3, 1000, 1003)},
      {"int8 largest of a window", {.op = "MaxPool", .attributes = pool(3, 1), .inputs = {image}}},
      {"int8 mean of a window",
       {.op = "QLinearAveragePool",
        .domain = std::string(kMicrosoftDomain),
        .opset = 1,
        .attributes = pool(3, 1),
        .inputs = scaled,
        .constants = {1, 2, 3, 4}}},
      {"int8 table",
       {.op = "QLinearSigmoid",
        .domain = std::string(kMicrosoftDomain),
        .opset = 1,
        .inputs = scaled,
        .constants = {1, 2, 3, 4}}},
      {"int8 sum",
       {.op = "QLinearAdd",
        .domain = std::string(kMicrosoftDomain),
        .opset = 1,
        .inputs = {image, scalar(0.02f), zero(3), bytes<uint8_t>({2, 37, 61, 45}, 6), scalar(0.01f),
                   zero(200), scalar(0.03f), zero(9)},
        .constants = {1, 2, 4, 5, 6, 7}}},
      {"to int8",
       {.op = "QuantizeLinear",
        .inputs = {random_tensor({2, 37, 61, 45}, 1, -3, 3), scalar(0.02f), zero(128)}}},
      {"from int8", {.op = "DequantizeLinear", .inputs = {image, scalar(0.02f), zero(128)}}},
  };
}

bool same_bytes(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return a[0].shape() == b[0].shape() && a[0].size_bytes() == b[0].size_bytes() &&
         std::memcmp(a[0].raw(), b[0].raw(), a[0].size_bytes()) == 0;
}

}  // namespace

TEST_CASE("operators give the same bytes on any number of threads", "[ops][threads]") {
  for (const Case& c : cases()) {
    for (const char* isa : {"scalar", "simd128", ""}) {
      set_isa(isa);
      const std::vector<Tensor> alone = run_op(c.op_case);
      for (int threads : thread_counts()) {
        INFO(c.what << " on " << threads << " threads, " << (*isa ? isa : "the best kernels"));
        const Threads set(threads);
        CHECK(same_bytes(run_op(c.op_case), alone));
      }
    }
  }
  set_isa("");
}
