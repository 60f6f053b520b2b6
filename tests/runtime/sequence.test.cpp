// Sequences and optionals: the operators, and their way through a session, If and Loop.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "runtime/session.h"
#include "support/bodies.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

Tensor list(const std::vector<float>& values) {
  std::vector<Tensor> items;
  for (float value : values) items.push_back(f32({1}, {value}));
  return Tensor::sequence(std::move(items));
}

std::vector<float> numbers(const Tensor& sequence) {
  std::vector<float> values;
  for (const Tensor& item : sequence.items()) values.push_back(item.data<float>()[0]);
  return values;
}

TEST_CASE("sequence operators", "[sequence]") {
  const Tensor abc = list({1, 2, 3});
  const auto run = [](std::string op, std::vector<Tensor> inputs,
                      std::vector<Attribute> attributes = {}) {
    return run_op(
        {.op = std::move(op), .attributes = std::move(attributes), .inputs = std::move(inputs)})[0];
  };
  using Values = std::vector<float>;
  const Tensor nine = f32({1}, {9});
  CHECK(numbers(run("SequenceEmpty", {})).empty());
  CHECK(numbers(run("SequenceConstruct", {nine, nine})) == Values{9, 9});
  CHECK(numbers(run("SequenceInsert", {abc, nine})) == Values{1, 2, 3, 9});
  CHECK(numbers(run("SequenceInsert", {abc, nine, i64({}, {0})})) == Values{9, 1, 2, 3});
  CHECK(numbers(run("SequenceInsert", {abc, nine, i64({}, {-1})})) == Values{1, 2, 9, 3});
  CHECK(numbers(run("SequenceErase", {abc})) == Values{1, 2});
  CHECK(numbers(run("SequenceErase", {abc, i64({}, {-3})})) == Values{2, 3});
  CHECK(difference(run("SequenceAt", {abc, i64({}, {-1})}), f32({1}, {3})) == "");
  CHECK(difference(run("SequenceLength", {abc}), i64({}, {3})) == "");
  CHECK(difference(run("ConcatFromSequence", {abc}, {{"axis", int64_t{0}}}), ramp({3}, 1)) == "");
  CHECK(difference(
            run("ConcatFromSequence", {abc}, {{"axis", int64_t{-1}}, {"new_axis", int64_t{1}}}),
            f32({1, 3}, {1, 2, 3})) == "");
  CHECK(numbers(run("Identity", {abc})) == Values{1, 2, 3});
  CHECK(numbers(abc) == Values{1, 2, 3});
}

TEST_CASE("SplitToSequence cuts along an axis", "[sequence]") {
  const Tensor x = ramp({2, 5});
  const auto split = [&](std::vector<Tensor> inputs, int64_t keep) {
    inputs.insert(inputs.begin(), x);
    return run_op({.op = "SplitToSequence",
                   .attributes = {{"axis", int64_t{1}}, {"keepdims", keep}},
                   .inputs = std::move(inputs)})[0]
        .items();
  };
  auto parts = split({i64({}, {2})}, 1);
  REQUIRE(parts.size() == 3);
  CHECK(difference(parts[1], f32({2, 2}, {2, 3, 7, 8})) == "");
  CHECK(difference(parts[2], f32({2, 1}, {4, 9})) == "");
  parts = split({i64({1, 0, 4})}, 1);
  REQUIRE(parts.size() == 3);
  CHECK(difference(parts[2], f32({2, 4}, {1, 2, 3, 4, 6, 7, 8, 9})) == "");
  CHECK(parts[1].shape() == Shape{2, 0});
  CHECK(split({}, 1)[4].shape() == Shape{2, 1});
  CHECK(difference(split({}, 0)[3], f32({2}, {3, 8})) == "");
  for (const Tensor& bad : {i64({1, 1}), i64({-1, 6}), i64({}, {0}), i64({9})}) {
    CHECK_THROWS_AS(split({bad}, 1), Error);
  }
}

TEST_CASE("optionals hold a value or nothing", "[sequence]") {
  const auto has = [](std::vector<Tensor> inputs) {
    return run_op({.op = "OptionalHasElement", .opset = 18, .inputs = std::move(inputs)})[0]
        .data<bool>()[0];
  };
  const Tensor none = run_op({.op = "Optional", .opset = 18})[0];
  const Tensor some = run_op({.op = "Optional", .opset = 18, .inputs = {ramp({2})}})[0];
  CHECK_FALSE(has({none}));
  CHECK_FALSE(has({}));
  CHECK(has({some}));
  CHECK(has({list({})}));
  const OpCase get{.op = "OptionalGetElement", .opset = 18, .inputs = {some}};
  CHECK(difference(run_op(get)[0], ramp({2})) == "");
}

TEST_CASE("wrong use names the node and the operator", "[sequence]") {
  struct Row {
    const char* comment;
    OpCase use;
  };
  const Row rows[] = {
      {"a position past the end", {.op = "SequenceAt", .inputs = {list({1}), i64({}, {1})}}},
      {"the last item of none", {.op = "SequenceErase", .inputs = {list({})}}},
      {"a tensor for a sequence", {.op = "SequenceLength", .inputs = {ramp({2})}}},
      {"a sequence for a tensor", {.op = "Relu", .inputs = {list({1})}}},
      {"nothing to concatenate",
       {.op = "ConcatFromSequence", .attributes = {{"axis", int64_t{0}}}, .inputs = {list({})}}},
      {"items that do not fit",
       {.op = "ConcatFromSequence",
        .attributes = {{"axis", int64_t{0}}},
        .inputs = {Tensor::sequence({ramp({2, 2}), ramp({2, 3})})}}},
      {"an optional without value",
       {.op = "OptionalGetElement", .opset = 18, .inputs = {Tensor::none()}}},
  };
  for (const Row& row : rows) {
    INFO(row.comment);
    try {
      run_op(row.use);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.op_type() == row.use.op);
      CHECK(error.node() == "node");
    }
  }
}

// A Loop that inserts i * x into a sequence, and an If that hands it on or begins anew.
TEST_CASE("sequences pass through Loop and If", "[sequence][control]") {
  GraphBuilder g;
  const auto trips = g.input("trips", {}, DType::kInt64);
  const auto keep = g.input("keep", {}, DType::kBool);
  const auto x = g.input("x", {1});
  const auto empty = g.node("SequenceEmpty", {});
  BodyBuilder body(g.graph(), "l_");
  const auto i = body.node("Cast", {body.input("i", {}, DType::kInt64)}, {{"to", int64_t{1}}});
  const auto go = body.input("go", {}, DType::kBool);
  const auto so_far = body.free_input("so_far", DType::kUndefined);
  body.output(body.node("Identity", {go}));
  body.output(body.node("SequenceInsert", {so_far, body.node("Mul", {i, body.capture(x)})}));
  const auto grown = add_control(g, "Loop", {trips, kNone, empty}, 1, {{"body", &body}})[0];
  BodyBuilder a(g.graph(), "a_"), b(g.graph(), "b_");
  a.output(a.node("Identity", {a.capture(grown)}));
  b.output(b.node("SequenceConstruct", {b.capture(x)}));
  const auto out = add_control(g, "If", {keep}, 1, {{"then_branch", &a}, {"else_branch", &b}})[0];
  g.output(out);
  g.output(g.node("SequenceLength", {out}));
  Session session(g.build());
  const auto run = [&](int64_t count, bool kept) {
    return session.run(
        {{"trips", i64({}, {count})}, {"keep", booleans({}, {kept})}, {"x", f32({1}, {2})}});
  };
  auto got = run(4, true);
  CHECK(numbers(got[0].tensor) == std::vector<float>{0, 2, 4, 6});
  CHECK(difference(got[1].tensor, i64({}, {4})) == "");
  got = run(0, true);
  CHECK(numbers(got[0].tensor).empty());
  got = run(3, false);
  CHECK(numbers(got[0].tensor) == std::vector<float>{2});
}

}  // namespace
}  // namespace eightfold::test
