// Reductions: values, axes by attribute and by input, layouts, integers; ArgMax, CumSum, TopK.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

Attribute axes_attribute(std::vector<int64_t> axes) { return {"axes", std::move(axes)}; }
Attribute flag(std::string name, int64_t value) { return {std::move(name), value}; }

const Tensor kX = f32({2, 3}, {1, -2, 3, 4, -5, 6});

TEST_CASE("reductions along one axis", "[ops][reduce]") {
  struct Case {
    std::string op;
    std::vector<float> rows;     // over axis 1
    std::vector<float> columns;  // over axis 0
  };
  const std::vector<Case> cases = {
      {"ReduceSum", {2, 5}, {5, -7, 9}},
      {"ReduceMean", {2.0f / 3, 5.0f / 3}, {2.5f, -3.5f, 4.5f}},
      {"ReduceMax", {3, 6}, {4, -2, 6}},
      {"ReduceMin", {-2, -5}, {1, -5, 3}},
      {"ReduceProd", {-6, -120}, {4, 10, 18}},
      {"ReduceL1", {6, 15}, {5, 7, 9}},
      {"ReduceL2", {3.7416575f, 8.7749643f}, {4.1231055f, 5.3851647f, 6.7082038f}},
      {"ReduceSumSquare", {14, 77}, {17, 29, 45}},
      {"ReduceLogSum", {0.69314718f, 1.6094379f}, {}},
      {"ReduceLogSumExp", {3.1328452f, 6.1269430f}, {4.0485873f, -1.9514127f, 6.0485873f}},
  };
  for (const Case& c : cases) {
    INFO(c.op);
    // axes as an attribute (opset 11), and as an input (opset 18)
    CHECK(
        difference(
            run_op(
                {.op = c.op, .opset = 11, .attributes = {axes_attribute({1})}, .inputs = {kX}})[0],
            f32({2, 1}, c.rows), kFloatMath) == "");
    CHECK(difference(run_op({.op = c.op,
                             .opset = 18,
                             .attributes = {flag("keepdims", 0)},
                             .inputs = {kX, i64({-1})}})[0],
                     f32({2}, c.rows), kFloatMath) == "");
    if (c.columns.empty()) continue;
    CHECK(difference(run_op({.op = c.op, .inputs = {kX, i64({0})}})[0], f32({1, 3}, c.columns),
                     kFloatMath) == "");
  }
}

TEST_CASE("no axes reduce all of them, or none when asked", "[ops][reduce]") {
  CHECK(difference(run_op({.op = "ReduceSum", .inputs = {kX}})[0], f32({1, 1}, {7})) == "");
  CHECK(difference(
            run_op({.op = "ReduceSum", .attributes = {flag("keepdims", 0)}, .inputs = {kX}})[0],
            f32({}, {7})) == "");
  CHECK(difference(run_op({.op = "ReduceSum",
                           .attributes = {flag("noop_with_empty_axes", 1)},
                           .inputs = {kX}})[0],
                   kX) == "");
  CHECK(difference(run_op({.op = "ReduceMax", .inputs = {i32({3}, {-7, -9, -8})}})[0],
                   i32({1}, {-7})) == "");
  CHECK(difference(run_op({.op = "ReduceMin", .inputs = {u8({3}, {7, 9, 8})}})[0], u8({1}, {7})) ==
        "");
  CHECK_THROWS_AS(run_op({.op = "ReduceSum", .inputs = {kX, i64({2})}}), Error);
}

TEST_CASE("both layouts reduce alike", "[ops][reduce]") {
  const auto axes = GENERATE(std::vector<int64_t>{2, 3}, std::vector<int64_t>{1},
                             std::vector<int64_t>{0, 2}, std::vector<int64_t>{0, 1, 2, 3});
  for (int64_t keep : {0, 1}) {
    OpCase c{.op = "ReduceMean",
             .opset = 13,
             .attributes = {axes_attribute(axes), flag("keepdims", keep)},
             .inputs = {ramp({2, 3, 4, 5}, -7, 0.37f)}};
    const Tensor plain = run_op(c)[0];
    c.layout = Layout::kChannelsLast;
    CHECK(difference(run_op(c)[0], plain, kFloatMath) == "");
  }
}

TEST_CASE("long sums keep their precision", "[ops][reduce]") {
  Tensor x = Tensor::allocate(DType::kFloat32, {1, 1000000});
  for (float& v : x.mutable_data<float>()) v = 0.1f;
  CHECK(difference(run_op({.op = "ReduceMean", .inputs = {x}})[0], f32({1, 1}, {0.1f}),
                   {1e-7f, 0}) == "");
}

TEST_CASE("ArgMax and ArgMin", "[ops][reduce]") {
  const Tensor x = f32({2, 3}, {1, 5, 5, 2, 0, 2});
  CHECK(difference(run_op({.op = "ArgMax", .attributes = {flag("axis", 1)}, .inputs = {x}})[0],
                   i64({2, 1}, {1, 0})) == "");
  CHECK(difference(run_op({.op = "ArgMax",
                           .attributes = {flag("axis", -1), flag("keepdims", 0),
                                          flag("select_last_index", 1)},
                           .inputs = {x}})[0],
                   i64({2}, {2, 2})) == "");
  CHECK(difference(run_op({.op = "ArgMin", .inputs = {x}})[0], i64({1, 3}, {0, 1, 1})) == "");
  CHECK(difference(run_op({.op = "ArgMax", .inputs = {u8({3}, {1, 200, 3})}})[0], i64({1}, {1})) ==
        "");
}

TEST_CASE("CumSum and TopK", "[ops][reduce]") {
  const Tensor x = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(difference(run_op({.op = "CumSum", .inputs = {x, i64({}, {1})}})[0],
                   f32({2, 3}, {1, 3, 6, 4, 9, 15})) == "");
  CHECK(difference(run_op({.op = "CumSum",
                           .attributes = {flag("exclusive", 1), flag("reverse", 1)},
                           .inputs = {x, i64({}, {1})}})[0],
                   f32({2, 3}, {5, 3, 0, 11, 6, 0})) == "");
  const auto top =
      run_op({.op = "TopK", .inputs = {f32({2, 3}, {1, 3, 3, 9, 7, 8}), i64({2})}, .outputs = 2});
  CHECK(difference(top[0], f32({2, 2}, {3, 3, 9, 8})) == "");
  CHECK(difference(top[1], i64({2, 2}, {1, 2, 0, 2})) == "");
  const auto least = run_op({.op = "TopK",
                             .attributes = {flag("largest", 0), flag("axis", 0)},
                             .inputs = {x, i64({1})},
                             .outputs = 2});
  CHECK(difference(least[0], f32({1, 3}, {1, 2, 3})) == "");
}

}  // namespace
}  // namespace eightfold::test
