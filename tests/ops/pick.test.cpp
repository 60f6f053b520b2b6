// ReverseSequence, Compress, Unique, the bit operators and random numbers, by example.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "support/matchers.h"
#include "support/op_runner.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {
std::vector<int64_t> values(const Tensor& tensor) {
  const auto data = tensor.data<int64_t>();
  return {data.begin(), data.end()};
}
}  // namespace

TEST_CASE("ReverseSequence turns the first steps of each batch", "[ops][pick]") {
  const auto run = [](int64_t batch_axis, std::vector<int64_t> lengths) {
    return run_op({.op = "ReverseSequence",
                   .attributes = {{"batch_axis", batch_axis}, {"time_axis", 1 - batch_axis}},
                   .inputs = {ramp({2, 3, 2}), i64(std::move(lengths))}});
  };
  CHECK(difference(run(0, {3, 2})[0], f32({2, 3, 2}, {4, 5, 2, 3, 0, 1, 8, 9, 6, 7, 10, 11}),
                   kExact) == "");
  CHECK(difference(run(1, {2, 1, 2})[0], f32({2, 3, 2}, {6, 7, 2, 3, 10, 11, 0, 1, 8, 9, 4, 5}),
                   kExact) == "");
  CHECK_THROWS_AS(run(0, {4, 0}), Error);
  CHECK_THROWS_AS(run(0, {1}), Error);
}

TEST_CASE("Compress keeps the slices whose condition holds", "[ops][pick]") {
  OpCase run{.op = "Compress", .inputs = {ramp({3, 2}), booleans({3}, {0, 1, 1})}};
  run.attributes = {{"axis", int64_t{0}}};
  CHECK(difference(run_op(run)[0], f32({2, 2}, {2, 3, 4, 5}), kExact) == "");
  run.attributes = {{"axis", int64_t{-1}}};
  CHECK(difference(run_op(run)[0], f32({3, 1}, {1, 3, 5}), kExact) == "");
  run.attributes = {};  // of the flat list
  CHECK(difference(run_op(run)[0], f32({2}, {1, 2}), kExact) == "");
}

TEST_CASE("Unique tells places and counts", "[ops][pick]") {
  OpCase run{.op = "Unique", .inputs = {f32({6}, {2, 1, 1, 3, 4, 3})}, .outputs = 4};
  auto outputs = run_op(run);
  CHECK(difference(outputs[0], f32({4}, {1, 2, 3, 4}), kExact) == "");
  CHECK(values(outputs[1]) == ints({1, 0, 3, 4}));
  CHECK(values(outputs[2]) == ints({1, 0, 0, 2, 3, 2}));
  CHECK(values(outputs[3]) == ints({2, 1, 2, 1}));
  run.attributes = {{"sorted", int64_t{0}}};
  outputs = run_op(run);
  CHECK(difference(outputs[0], f32({4}, {2, 1, 3, 4}), kExact) == "");
  CHECK(values(outputs[2]) == ints({0, 1, 1, 2, 3, 2}));
  CHECK(values(outputs[3]) == ints({1, 2, 2, 1}));
  run.attributes = {{"axis", int64_t{1}}};
  run.inputs = {f32({2, 3}, {1, 0, 1, 5, 9, 5})};
  outputs = run_op(run);
  CHECK(difference(outputs[0], f32({2, 2}, {0, 1, 9, 5}), kExact) == "");
  CHECK(values(outputs[1]) == ints({1, 0}));
}

TEST_CASE("Bit operators work on the bits of any integer", "[ops][pick]") {
  const Tensor a = i32({4}, {12, -1, 7, 0}), b = i32({1}, {10});
  const auto run = [&](const char* op) { return run_op({.op = op, .inputs = {a, b}})[0]; };
  const auto same = [](const Tensor& got, std::vector<int32_t> want) {
    return std::ranges::equal(got.data<int32_t>(), want);
  };
  CHECK(same(run("BitwiseAnd"), {8, 10, 2, 0}));
  CHECK(same(run("BitwiseOr"), {14, -1, 15, 10}));
  CHECK(same(run("BitwiseXor"), {6, -11, 13, 10}));
  CHECK(same(run_op({.op = "BitwiseNot", .inputs = {a}})[0], {-13, 0, -8, -1}));
  const auto shift = [](const char* direction) {
    return run_op({.op = "BitShift",
                   .attributes = {{"direction", std::string(direction)}},
                   .inputs = {u8({3}, {16, 200, 1}), u8({3}, {2, 1, 8})}})[0];
  };
  CHECK(std::ranges::equal(shift("RIGHT").data<uint8_t>(), std::vector<uint8_t>{4, 100, 0}));
  CHECK(std::ranges::equal(shift("LEFT").data<uint8_t>(), std::vector<uint8_t>{64, 144, 0}));
  CHECK_THROWS_AS(run_op({.op = "BitwiseAnd", .inputs = {ramp({2}), ramp({2})}}), Error);
}

TEST_CASE("Random numbers have their distribution and follow their seed", "[ops][pick]") {
  const auto run = [](const char* op, float seed) {
    return run_op({.op = op,
                   .attributes = {{"shape", ints({20000})},
                                  {"seed", seed},
                                  {"mean", 3.0f},
                                  {"scale", 2.0f},
                                  {"low", 1.0f},
                                  {"high", 5.0f}}})[0];
  };
  for (const char* op : {"RandomNormal", "RandomUniform"}) {
    const Tensor x = run(op, 1.0f);
    double mean = 0, variance = 0;
    for (const float v : x.data<float>()) mean += v / 20000.0;
    for (const float v : x.data<float>()) variance += (v - mean) * (v - mean) / 20000.0;
    CHECK(mean == Catch::Approx(3.0).margin(0.06));  // 4 sigma of the mean
    const bool normal = op[6] == 'N';
    CHECK(variance == Catch::Approx(normal ? 4.0 : 16.0 / 12.0).epsilon(0.05));
    CHECK(difference(run(op, 1.0f), x, kExact) == "");
    CHECK(difference(run(op, 2.0f), x, kExact) != "");
  }
  const Tensor coins = run_op(
      {.op = "Bernoulli", .attributes = {{"seed", 1.0f}}, .inputs = {f32({4}, {0, 1, 0, 1})}})[0];
  CHECK(difference(coins, f32({4}, {0, 1, 0, 1}), kExact) == "");
}
