// Activation rows: values at both sides of their knees, parameters, integers, Softmax by opset.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "ops/op.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

struct ActivationCase {
  std::string op;
  std::vector<Attribute> attributes;
  std::vector<float> x, y;
};

TEST_CASE("activations", "[ops][activation]") {
  const std::vector<ActivationCase> cases = {
      {"Relu", {}, {-2, 0, 3}, {0, 0, 3}},
      {"LeakyRelu", {}, {-2, 0, 3}, {-0.02f, 0, 3}},
      {"LeakyRelu", {{"alpha", 0.1f}}, {-2, 0, 3}, {-0.2f, 0, 3}},
      {"Sigmoid", {}, {-100, 0, 1, 100}, {3.7835059e-44f, 0.5f, 0.73105860f, 1}},
      {"Tanh", {}, {-1, 0, 100}, {-0.76159418f, 0, 1}},
      {"HardSigmoid", {}, {-5, 0, 1, 5}, {0, 0.5f, 0.7f, 1}},
      {"HardSigmoid", {{"alpha", 1.0f / 6}, {"beta", 0.5f}}, {-4, 1.5f, 4}, {0, 0.75f, 1}},
      {"HardSwish", {}, {-4, -1, 3, 5}, {0, -1.0f / 3, 3, 5}},
      {"Elu", {}, {-1, 0, 2}, {-0.63212055f, 0, 2}},
      {"Elu", {{"alpha", 2.0f}}, {-1, 2}, {-1.2642411f, 2}},
      {"Selu", {}, {-1, 1}, {-1.1113307f, 1.0507010f}},
      {"Celu", {{"alpha", 2.0f}}, {-1, 1}, {-0.78693867f, 1}},
      {"Softplus", {}, {-100, 0, 100}, {3.7835059e-44f, 0.69314718f, 100}},
      {"Softsign", {}, {-1, 0, 3}, {-0.5f, 0, 0.75f}},
      {"Mish", {}, {-1, 0, 1}, {-0.30340147f, 0, 0.86509836f}},
      {"ThresholdedRelu", {}, {0.5f, 1, 2}, {0, 0, 2}},
      {"Shrink", {{"lambd", 1.0f}, {"bias", 0.5f}}, {-2, 0.5f, 2}, {-1.5f, 0, 1.5f}},
      {"Gelu", {}, {-1, 0, 1}, {-0.15865526f, 0, 0.84134477f}},
      {"Gelu", {{"approximate", std::string("tanh")}}, {-1, 1}, {-0.15880801f, 0.84119201f}},
  };
  for (const ActivationCase& c : cases) {
    INFO(c.op);
    const Shape shape{static_cast<int64_t>(c.x.size())};
    const OpCase op{.op = c.op, .attributes = c.attributes, .inputs = {f32(shape, c.x)}};
    CHECK(difference(run_op(op)[0], f32(shape, c.y), kFloatMath) == "");
  }
}

TEST_CASE("Relu and Clip run on integers in their own units", "[ops][activation]") {
  CHECK(difference(run_op({.op = "Relu", .inputs = {s8({3}, {-5, 0, 5})}})[0],
                   s8({3}, {0, 0, 5})) == "");
  CHECK(difference(run_op({.op = "Clip",
                           .inputs = {u8({4}, {0, 10, 100, 255}), u8({}, {10}), u8({}, {200})}})[0],
                   u8({4}, {10, 10, 100, 200})) == "");
}

TEST_CASE("Clip takes attributes before opset 11 and optional inputs after", "[ops][activation]") {
  const Tensor x = f32({4}, {-3, 1, 7, std::nanf("")});
  CHECK(difference(run_op({.op = "Clip",
                           .opset = 6,
                           .attributes = {{"min", 0.0f}, {"max", 6.0f}},
                           .inputs = {x}})[0],
                   f32({4}, {0, 1, 6, std::nanf("")})) == "");
  CHECK(difference(run_op({.op = "Clip", .opset = 6, .inputs = {x}})[0], x) == "");
  CHECK(difference(run_op({.op = "Clip", .opset = 13, .inputs = {x, f32({}, {0})}})[0],
                   f32({4}, {0, 1, 7, std::nanf("")})) == "");
  CHECK(difference(run_op({.op = "Clip", .opset = 13, .inputs = {x, Tensor{}, f32({}, {6})}})[0],
                   f32({4}, {-3, 1, 6, std::nanf("")})) == "");
  // the upper bound wins when the bounds cross
  CHECK(difference(
            run_op({.op = "Clip", .inputs = {f32({2}, {0, 9}), f32({}, {5}), f32({}, {3})}})[0],
            f32({2}, {3, 3})) == "");
  CHECK_THROWS_AS(run_op({.op = "Clip", .inputs = {x, i32({}, {0})}}), Error);
}

TEST_CASE("PRelu: slope per channel, in both layouts", "[ops][activation]") {
  const Tensor x = f32({1, 2, 1, 2}, {-1, 2, -3, 4});
  const Tensor want = f32({1, 2, 1, 2}, {-0.5f, 2, -6, 4});
  for (const Layout layout : {Layout::kPlain, Layout::kChannelsLast}) {
    CHECK(
        difference(
            run_op({.op = "PRelu", .inputs = {x, f32({2, 1, 1}, {0.5f, 2})}, .layout = layout})[0],
            want) == "");
    CHECK(difference(run_op({.op = "PRelu",
                             .opset = 6,
                             .inputs = {x, f32({2}, {0.5f, 2})},
                             .layout = layout})[0],
                     want) == "");
  }
}

TEST_CASE("Softmax: one axis from opset 13 on, all axes from `axis` on before",
          "[ops][activation]") {
  const Tensor x = f32({1, 2, 2}, {0, 1, 2, 3});
  const float a = 1 / (1 + std::exp(1.0f));  // of two neighbours
  const float b = 1 / (1 + std::exp(2.0f));  // of two elements two apart
  CHECK(difference(run_op({.op = "Softmax", .opset = 13, .inputs = {x}})[0],
                   f32({1, 2, 2}, {a, 1 - a, a, 1 - a}), kFloatMath) == "");
  CHECK(difference(run_op({.op = "Softmax",
                           .opset = 13,
                           .attributes = {{"axis", int64_t{1}}},
                           .inputs = {x}})[0],
                   f32({1, 2, 2}, {b, b, 1 - b, 1 - b}), kFloatMath) == "");
  const Tensor coerced = run_op({.op = "Softmax", .opset = 11, .inputs = {x}})[0];
  CHECK(difference(coerced, f32({1, 2, 2}, {0.032058604f, 0.087144319f, 0.23688284f, 0.64391428f}),
                   kFloatMath) == "");
  const Tensor logs = run_op({.op = "LogSoftmax", .opset = 13, .inputs = {x}})[0];
  CHECK(difference(logs,
                   f32({1, 2, 2}, {std::log(a), std::log(1 - a), std::log(a), std::log(1 - a)}),
                   kFloatMath) == "");
  // large values do not overflow
  CHECK(difference(run_op({.op = "Softmax", .opset = 13, .inputs = {f32({2}, {1000, 1000})}})[0],
                   f32({2}, {0.5f, 0.5f})) == "");
  CHECK_THROWS_AS(run_op({.op = "Softmax", .attributes = {{"axis", int64_t{3}}}, .inputs = {x}}),
                  Error);
}

// [outer, count, inner] along count, in double.
std::vector<double> softmax(const std::vector<float>& x, int64_t count, int64_t inner, bool log) {
  std::vector<double> y(x.size());
  const auto at = [&](int64_t first, int64_t k) { return static_cast<size_t>(first + k * inner); };
  const auto size = static_cast<int64_t>(x.size());
  for (int64_t first = 0; first < size; ++first) {
    if (first / inner % count != 0) continue;
    double largest = -1e300, sum = 0;
    for (int64_t k = 0; k < count; ++k) largest = std::max<double>(largest, x[at(first, k)]);
    for (int64_t k = 0; k < count; ++k) sum += std::exp(x[at(first, k)] - largest);
    for (int64_t k = 0; k < count; ++k) {
      const double shifted = x[at(first, k)] - largest;
      y[at(first, k)] = log ? shifted - std::log(sum) : std::exp(shifted) / sum;
    }
  }
  return y;
}

TEST_CASE("Softmax: short, long and strided vectors, in pieces of any size", "[ops][activation]") {
  // {outer, count, inner}
  const std::vector<Shape> cases = {{1, 2, 1},   {70, 2, 1}, {65, 16, 1}, {3, 17, 1},
                                    {2, 300, 1}, {1, 3, 5},  {2, 7, 259}, {4, 1, 1}};
  for (const Shape& shape : cases) {
    for (const std::string op : {"Softmax", "LogSoftmax"}) {
      INFO(op << " " << shape_text(shape));
      const int64_t size = shape[0] * shape[1] * shape[2];
      std::vector<float> x;
      for (int64_t i = 0; i < size; ++i) x.push_back(static_cast<float>(i * 37 % 101) * 0.1f - 4);
      const Tensor y = run_op({.op = op,
                               .opset = 13,
                               .attributes = {{"axis", int64_t{1}}},
                               .inputs = {f32(shape, x)}})[0];
      const std::vector<double> want = softmax(x, shape[1], shape[2], op == "LogSoftmax");
      double error = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        error = std::max(error, std::abs(static_cast<double>(y.data<float>()[i]) - want[i]));
      }
      CHECK(error < 2e-6);
    }
  }
}

TEST_CASE("Softmax gives masked elements exactly nothing", "[ops][activation]") {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor x = f32({1, 5}, {1, -1e9f, 1, -infinity, -3e38f});
  CHECK(difference(run_op({.op = "Softmax", .opset = 13, .inputs = {x}})[0],
                   f32({1, 5}, {0.5f, 0, 0.5f, 0, 0})) == "");
}

TEST_CASE("activations of many elements equal those of one", "[ops][activation]") {
  std::vector<float> x;
  for (int i = -261; i < 262; ++i) x.push_back(static_cast<float>(i) * 0.031f);
  x.insert(x.end(), {1e9f, -1e9f, std::nanf("")});
  const auto size = static_cast<int64_t>(x.size());
  for (const std::string op : {"Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish",
                               "Softsign", "Gelu", "ThresholdedRelu", "Swish", "Erf", "Exp"}) {
    INFO(op);
    const Tensor all = run_op({.op = op, .opset = 24, .inputs = {f32({size}, x)}})[0];
    for (size_t i = 0; i < x.size(); ++i) {
      const Tensor one = run_op({.op = op, .opset = 24, .inputs = {f32({1}, {x[i]})}})[0];
      const float want = one.data<float>()[0], got = all.data<float>()[i];
      INFO(x[i] << ": " << got << " for " << want);
      REQUIRE((got == want || (std::isnan(got) && std::isnan(want))));
    }
    const bool drops_nan = op == "ThresholdedRelu";
    CHECK(std::isnan(all.data<float>().back()) != drops_nan);
  }
}

TEST_CASE("fixed observations belong to bounded functions", "[ops][activation]") {
  for (const std::string op : {"Sigmoid", "HardSigmoid", "Softmax"}) {
    const Observation o = find_op("", op, 21)->observation;
    CHECK(o.kind == Observation::kFixed);
    CHECK(o.scale == 1.0f / 256);
    CHECK(o.zero_point == 0);
  }
  CHECK(find_op("", "Tanh", 21)->observation.zero_point == 128);
  CHECK(find_op("", "Relu", 21)->observation.kind == Observation::kSameAsInput);
}

}  // namespace
}  // namespace eightfold::test
