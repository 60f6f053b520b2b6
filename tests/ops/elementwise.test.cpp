// Elementwise rows: values, broadcasting in both layouts, dtypes, refusals.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

struct UnaryCase {
  std::string op;
  std::vector<float> x, y;
};

TEST_CASE("unary operators", "[ops][elementwise]") {
  const auto c = GENERATE(values<UnaryCase>({
      {"Abs", {-1.5f, 0, 2}, {1.5f, 0, 2}},
      {"Neg", {-1.5f, 0, 2}, {1.5f, -0.0f, -2}},
      {"Sign", {-3, 0, 0.5f}, {-1, 0, 1}},
      {"Exp", {0, 1, -1}, {1, 2.7182817f, 0.36787945f}},
      {"Log", {1, 2.7182817f}, {0, 1}},
      {"Sqrt", {0, 4, 2}, {0, 2, 1.4142135f}},
      {"Reciprocal", {2, -4, 0}, {0.5f, -0.25f, kInf}},
      {"Floor", {-1.5f, 1.5f, 2}, {-2, 1, 2}},
      {"Ceil", {-1.5f, 1.5f, 2}, {-1, 2, 2}},
      {"Round", {0.5f, 1.5f, 2.5f, -0.5f, -2.5f, 1e9f}, {0, 2, 2, 0, -2, 1e9f}},  // half to even
      {"Erf", {0, 1, -1}, {0, 0.84270079f, -0.84270079f}},
      {"Sin", {0, 1}, {0, 0.84147098f}},
      {"Cos", {0, 1}, {1, 0.54030231f}},
      {"Tan", {0, 1}, {0, 1.5574077f}},
      {"Asin", {0, 1}, {0, 1.5707964f}},
      {"Acos", {1, 0}, {0, 1.5707964f}},
      {"Atan", {0, 1}, {0, 0.78539819f}},
      {"Sinh", {0, 1}, {0, 1.1752012f}},
      {"Cosh", {0, 1}, {1, 1.5430806f}},
      {"Asinh", {0, 1}, {0, 0.88137359f}},
      {"Acosh", {1, 2}, {0, 1.3169579f}},
      {"Atanh", {0, 0.5f}, {0, 0.54930615f}},
  }));
  INFO(c.op);
  const Shape shape{static_cast<int64_t>(c.x.size())};
  CHECK(difference(run_op({.op = c.op, .inputs = {f32(shape, c.x)}})[0], f32(shape, c.y),
                   kFloatMath) == "");
}

TEST_CASE("integers: sign, absolute value, negation, also at the end of their range",
          "[ops][elementwise]") {
  const Tensor x = i32({4}, {-7, 0, 7, std::numeric_limits<int32_t>::min()});
  CHECK(difference(run_op({.op = "Abs", .inputs = {x}})[0],
                   i32({4}, {7, 0, 7, std::numeric_limits<int32_t>::min()})) == "");
  CHECK(difference(run_op({.op = "Neg", .inputs = {x}})[0],
                   i32({4}, {7, 0, -7, std::numeric_limits<int32_t>::min()})) == "");
  CHECK(difference(run_op({.op = "Sign", .inputs = {x}})[0], i32({4}, {-1, 0, 1, -1})) == "");
}

struct BinaryCase {
  std::string op;
  Tensor a, b, y;
  std::vector<Attribute> attributes = {};
  int64_t opset = 21;
};

TEST_CASE("binary operators", "[ops][elementwise]") {
  const Tensor m = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  const std::vector<BinaryCase> cases = {
      {"Add", m, m, f32({2, 3}, {2, 4, 6, 8, 10, 12})},
      {"Add", m, f32({}, {10}), f32({2, 3}, {11, 12, 13, 14, 15, 16})},           // scalar right
      {"Sub", f32({1}, {10}), m, f32({2, 3}, {9, 8, 7, 6, 5, 4})},                // scalar left
      {"Mul", m, f32({3}, {1, 10, 100}), f32({2, 3}, {1, 20, 300, 4, 50, 600})},  // row
      {"Div", m, f32({2, 1}, {2, 4}), f32({2, 3}, {0.5f, 1, 1.5f, 1, 1.25f, 1.5f})},  // column
      {"Add", f32({2, 1}, {1, 2}), f32({1, 2}, {10, 20}), f32({2, 2}, {11, 21, 12, 22})},
      {"Max", m, f32({}, {3.5f}), f32({2, 3}, {3.5f, 3.5f, 3.5f, 4, 5, 6})},
      {"Min", m, f32({}, {3.5f}), f32({2, 3}, {1, 2, 3, 3.5f, 3.5f, 3.5f})},
      {"Max", f32({2}, {kNan, 1}), f32({2}, {1, kNan}), f32({2}, {kNan, kNan})},
      {"Pow", m, f32({}, {2}), f32({2, 3}, {1, 4, 9, 16, 25, 36})},
      {"Pow", f32({3}, {2, 4, 9}), i64({3}, {3, 0, 1}), f32({3}, {8, 1, 9})},
      {"Pow", i32({2}, {3, -2}), i32({2}, {2, 3}), i32({2}, {9, -8})},
      {"Mod", i32({4}, {7, -7, 7, -7}), i32({4}, {3, 3, -3, -3}), i32({4}, {1, 2, -2, -1})},
      {"Mod",
       f32({2}, {5.5f, -5.5f}),
       f32({1}, {2}),
       f32({2}, {1.5f, -1.5f}),
       {{"fmod", int64_t{1}}}},
      {"Mod", i32({2}, {7, -7}), i32({1}, {3}), i32({2}, {1, -1}), {{"fmod", int64_t{1}}}},
      // integers wrap, and dividing by zero or by -1 does not trap
      {"Div", i32({4}, {7, -7, 5, INT32_MIN}), i32({4}, {2, 2, 0, -1}),
       i32({4}, {3, -3, 0, INT32_MIN})},
      {"Add", u8({2}, {250, 1}), u8({2}, {10, 1}), u8({2}, {4, 2})},
      {"Mul", s8({2}, {-128, 100}), s8({2}, {2, 2}), s8({2}, {0, -56})},
      {"Sub", i64({2}, {1, 2}), i64({2}, {3, 1}), i64({2}, {-2, 1})},
      // before opset 7 an attribute places the second operand
      {"Add",
       f32({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}),
       f32({2}, {10, 20}),
       f32({2, 2, 2}, {11, 12, 23, 24, 15, 16, 27, 28}),
       {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}},
       6},
      {"Equal", i64({3}, {1, 2, 3}), i64({1}, {2}), booleans({3}, {0, 1, 0})},
      {"Less", m, f32({}, {3}), booleans({2, 3}, {1, 1, 0, 0, 0, 0})},
      {"Greater", m, f32({}, {3}), booleans({2, 3}, {0, 0, 0, 1, 1, 1})},
      {"LessOrEqual", m, f32({}, {3}), booleans({2, 3}, {1, 1, 1, 0, 0, 0})},
      {"GreaterOrEqual", m, f32({}, {3}), booleans({2, 3}, {0, 0, 1, 1, 1, 1})},
      {"And", booleans({2}, {1, 0}), booleans({2}, {1, 1}), booleans({2}, {1, 0})},
      {"Or", booleans({2}, {1, 0}), booleans({2}, {0, 0}), booleans({2}, {1, 0})},
      {"Xor", booleans({2}, {1, 1}), booleans({2}, {0, 1}), booleans({2}, {1, 0})},
      // an empty operand stays empty
      {"Add", f32({0, 3}, {}), f32({3}, {1, 2, 3}), f32({0, 3}, {})},
  };
  for (const BinaryCase& c : cases) {
    INFO(c.op << " " << shape_text(c.a.shape()) << " " << shape_text(c.b.shape()));
    const OpCase op{.op = c.op, .opset = c.opset, .attributes = c.attributes, .inputs = {c.a, c.b}};
    CHECK(difference(run_op(op)[0], c.y) == "");
  }
}

TEST_CASE("variadic operators take one operand and many", "[ops][elementwise]") {
  const Tensor a = f32({2}, {1, 5}), b = f32({1}, {3}), c = f32({2}, {8, 0});
  CHECK(difference(run_op({.op = "Max", .inputs = {a, b, c}})[0], f32({2}, {8, 5})) == "");
  CHECK(difference(run_op({.op = "Min", .inputs = {a, b, c}})[0], f32({2}, {1, 0})) == "");
  CHECK(difference(run_op({.op = "Sum", .inputs = {a, b, c}})[0], f32({2}, {12, 8})) == "");
  CHECK(difference(run_op({.op = "Mean", .inputs = {a, b, c}})[0], f32({2}, {4, 8.0f / 3})) == "");
  CHECK(difference(run_op({.op = "Sum", .inputs = {a}})[0], a) == "");
}

TEST_CASE("channels-last operands give what plain ones give", "[ops][elementwise]") {
  const Tensor x = ramp({2, 3, 4, 5}, -30);
  const auto second = GENERATE(Shape{2, 3, 4, 5}, Shape{1, 3, 1, 1}, Shape{3, 1, 1}, Shape{4, 5},
                               Shape{5}, Shape{}, Shape{1, 1, 4, 1}, Shape{2, 1, 1, 5});
  for (const std::string op : {"Add", "Mul", "Sub", "Max", "Equal"}) {
    OpCase c{.op = op, .inputs = {x, ramp(second, 1, 0.5f)}};
    const Tensor plain = run_op(c)[0];
    c.layout = Layout::kChannelsLast;
    INFO(op << " with " << shape_text(second));
    CHECK(difference(run_op(c)[0], plain) == "");
  }
}

TEST_CASE("Where and Not", "[ops][elementwise]") {
  const Tensor condition = booleans({2, 1}, {1, 0});
  CHECK(difference(
            run_op({.op = "Where", .inputs = {condition, i64({3}, {1, 2, 3}), i64({}, {9})}})[0],
            i64({2, 3}, {1, 2, 3, 9, 9, 9})) == "");
  CHECK(difference(run_op({.op = "Where", .inputs = {condition, s8({1}, {1}), s8({1}, {-1})}})[0],
                   s8({2, 1}, {1, -1})) == "");
  CHECK(difference(run_op({.op = "Not", .inputs = {condition}})[0], booleans({2, 1}, {0, 1})) ==
        "");
  CHECK(difference(run_op({.op = "IsNaN", .inputs = {f32({2}, {kNan, 1})}})[0],
                   booleans({2}, {1, 0})) == "");
}

Attribute to(DType dtype) { return {"to", static_cast<int64_t>(dtype)}; }

TEST_CASE("Cast", "[ops][elementwise]") {
  const auto cast = [](const Tensor& x, DType dtype) {
    return run_op({.op = "Cast", .attributes = {to(dtype)}, .inputs = {x}})[0];
  };
  const Tensor x = f32({5}, {-1.7f, 0, 1.7f, 3e9f, kNan});
  CHECK(difference(cast(x, DType::kInt64), i64({5}, {-1, 0, 1, 3000000000, 0})) == "");
  CHECK(difference(cast(x, DType::kBool), booleans({5}, {1, 0, 1, 1, 1})) == "");
  CHECK(difference(cast(i64({2}, {256 + 7, -1}), DType::kUint8), u8({2}, {7, 255})) == "");
  CHECK(difference(cast(booleans({2}, {1, 0}), DType::kFloat32), f32({2}, {1, 0})) == "");
  CHECK(difference(cast(s8({2}, {-128, 5}), DType::kFloat32), f32({2}, {-128, 5})) == "");
  // through the half precision types and back: exact where they hold the value
  const Tensor halves = f32({7}, {0, -1, 0.5f, 65504, 5.9604645e-8f, kInf, 1.0009765625f});
  CHECK(difference(cast(cast(halves, DType::kFloat16), DType::kFloat32), halves) == "");
  CHECK(difference(
            cast(cast(f32({3}, {65520, 1.00048828125f, 1e-9f}), DType::kFloat16), DType::kFloat32),
            f32({3}, {kInf, 1, 0})) == "");  // rounds half to even, over- and underflows
  CHECK(difference(cast(cast(f32({2}, {1, -3.140625f}), DType::kBfloat16), DType::kFloat32),
                   f32({2}, {1, -3.140625f})) == "");
}

TEST_CASE("fused Add and Mul apply their activation", "[ops][elementwise]") {
  const Tensor a = f32({1, 2, 1, 2}, {-3, -1, 1, 3}), b = f32({2, 1, 1}, {1, 10});
  const OpCase add{.op = "Add",
                   .domain = "eightfold",
                   .opset = 1,
                   .attributes = {{"activation", std::string("Relu")}},
                   .inputs = {a, b}};
  CHECK(difference(run_op(add)[0], f32({1, 2, 1, 2}, {0, 0, 11, 13})) == "");
  OpCase mul = add;
  mul.op = "Mul";
  mul.attributes = {
      {"activation", std::string("Clip")}, {"activation_min", -2.0f}, {"activation_max", 20.0f}};
  mul.layout = Layout::kChannelsLast;
  CHECK(difference(run_op(mul)[0], f32({1, 2, 1, 2}, {-2, -1, 10, 20})) == "");
}

// The version of our own domain is 1, and that is not opset 1, when operands were spread one way.
TEST_CASE("fused Add and Mul take the smaller operand first as well", "[ops][elementwise]") {
  for (const char* op : {"Add", "Mul"}) {
    OpCase fused{.op = op,
                 .domain = "eightfold",
                 .opset = 1,
                 .inputs = {Tensor::scalar(2.0f), f32({3, 2}, {-3, -2, -1, 1, 2, 3})}};
    OpCase plain{.op = op, .inputs = fused.inputs};
    const Tensor got = run_op(fused)[0];
    CHECK(got.shape() == Shape{3, 2});
    CHECK(difference(got, run_op(plain)[0]) == "");
  }
}

TEST_CASE("shapes and dtypes that do not fit are refused", "[ops][elementwise]") {
  const auto code = [](const OpCase& c) {
    try {
      run_op(c);
    } catch (const Error& error) {
      CHECK(error.node() == "node");
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  CHECK(code({.op = "Add", .inputs = {ramp({2}), ramp({3})}}) == ErrorCode::kInvalidShape);
  CHECK(code({.op = "Add", .inputs = {ramp({2}), i32({2}, {1, 2})}}) == ErrorCode::kInvalidType);
  CHECK(code({.op = "Exp", .inputs = {i32({2}, {1, 2})}}) == ErrorCode::kInvalidType);
}

TEST_CASE("broadcast inference with free dims", "[ops][elementwise]") {
  const Dim n{-1, "N"};
  const auto infer = [&](Dims a, Dims b) {
    return *infer_op({.op = "Add", .inputs = {ramp({1}), ramp({1})}}, {a, b})[0].dims;
  };
  CHECK(infer({n, {3, {}}}, {{1, {}}}) == Dims{n, {3, {}}});
  CHECK(infer({n, {3, {}}}, {n, {3, {}}}) == Dims{n, {3, {}}});
  CHECK(infer({n}, {{4, {}}}) == Dims{{4, {}}});
  CHECK(infer({n}, {{-1, "M"}}) == Dims{Dim{}});
}

TEST_CASE("arithmetic of any row length, either operand repeated", "[ops][elementwise]") {
  struct Case {
    std::string op;
    float (*f)(float, float);
  };
  const std::vector<Case> cases = {
      {"Add", [](float a, float b) { return a + b; }},
      {"Sub", [](float a, float b) { return a - b; }},
      {"Mul", [](float a, float b) { return a * b; }},
      {"Div", [](float a, float b) { return a / b; }},
      {"Max", [](float a, float b) { return std::max(a, b); }},
      {"Min", [](float a, float b) { return std::min(a, b); }},
      {"PRelu", [](float a, float b) { return a < 0 ? a * b : a; }},
  };
  for (const Case& c : cases) {
    for (int64_t n : {1, 3, 4, 5, 8, 14}) {
      for (const Shape& sizes : {Shape{n, n}, Shape{n, 1}, Shape{1, n}}) {
        if (c.op == "PRelu" && sizes[0] != n) continue;  // broadcasts one way alone
        INFO(c.op << " of " << sizes[0] << " and " << sizes[1]);
        const auto values = [](int64_t size, float step) {
          std::vector<float> list;
          for (int64_t i = 0; i < size; ++i) list.push_back(static_cast<float>(i) * step - 1.2f);
          return list;
        };
        const std::vector<float> a = values(sizes[0], 0.7f), b = values(sizes[1], 0.4f);
        const Tensor y =
            run_op({.op = c.op, .inputs = {f32({sizes[0]}, a), f32({sizes[1]}, b)}})[0];
        REQUIRE(y.size() == n);
        for (int64_t i = 0; i < n; ++i) {
          const auto at = [&](const std::vector<float>& list) {
            return list[list.size() == 1 ? 0 : static_cast<size_t>(i)];
          };
          CHECK(y.data<float>()[static_cast<size_t>(i)] == c.f(at(a), at(b)));
        }
      }
    }
  }
}

}  // namespace
}  // namespace eightfold::test
