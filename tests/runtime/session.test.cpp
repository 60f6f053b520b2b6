// Session: results, plans by signature, taps, steps, values whose shapes depend on data.
#include "runtime/session.h"

#include <algorithm>
#include <catch_amalgamated.hpp>
#include <map>

#include "core/error.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

// y = 2 * (relu(x) + x)
Graph small_graph() {
  GraphBuilder g;
  const auto x = g.input("x", {-1, 4});
  const auto relu = g.node("Relu", {x});
  const auto sum = g.node("Add", {relu, x});
  g.output(g.node("Mul", {sum, g.constant(f32({}, {2}))}));
  return g.build();
}

Tensor small_result(const Tensor& x) {
  Tensor want = x;
  for (float& v : want.mutable_data<float>()) v = 2 * (std::max(v, 0.0f) + v);
  return want;
}

TEST_CASE("a session computes a small graph at any batch size", "[session]") {
  Session session(small_graph());
  for (int64_t batch : {1, 2, 3, 1, 0}) {
    const Tensor x = ramp({batch, 4}, -2);
    const auto outputs = session.run({{"x", x}});
    REQUIRE(outputs.size() == 1);
    CHECK(outputs[0].name == "Mul_2_0");
    CHECK(difference(outputs[0].tensor, small_result(x)) == "");
  }
  CHECK(session.stats().plans == 4);
}

TEST_CASE("the plan cache keeps the signatures used last", "[session]") {
  Session session(small_graph(), {.plan_cache = 2});
  const auto plans_after = [&](int64_t batch) {
    session.run({{"x", ramp({batch, 4})}});
    return session.stats().plans;
  };
  CHECK(plans_after(1) == 1);
  CHECK(plans_after(2) == 2);
  CHECK(plans_after(1) == 2);
  CHECK(plans_after(3) == 3);  // 2 is dropped
  CHECK(plans_after(1) == 3);
  CHECK(plans_after(2) == 4);
}

TEST_CASE("outputs stay when the session runs again or ends", "[session]") {
  const Tensor x = ramp({1, 4}, -2), other = ramp({1, 4}, 50);
  Tensor first;
  {
    Session session(small_graph());
    first = session.run({{"x", x}})[0].tensor;
    session.run({{"x", other}});
  }
  CHECK(difference(first, small_result(x)) == "");
  CHECK(difference(x, ramp({1, 4}, -2)) == "");  // feeds are never written
}

TEST_CASE("a feed or a constant may be an output", "[session]") {
  GraphBuilder g;
  const auto x = g.input("x", {2});
  g.output(x);
  g.output(g.constant(f32({1}, {7}), "seven"));
  g.output(g.node("Reshape", {x, g.constant(i64({2, 1}))}));
  Session session(g.build());
  const auto outputs = session.run({{"x", f32({2}, {1, 2})}});
  CHECK(difference(outputs[0].tensor, f32({2}, {1, 2})) == "");
  CHECK(difference(outputs[1].tensor, f32({1}, {7})) == "");
  CHECK(difference(outputs[2].tensor, f32({2, 1}, {1, 2})) == "");
}

TEST_CASE("taps see every value they ask for, feeds and folded ones included", "[session]") {
  GraphBuilder g;
  const auto x = g.input("x", {1, 4});
  const auto relu = g.node("Relu", {x});
  const auto two = g.node("Add", {g.constant(f32({}, {1})), g.constant(f32({}, {1}))});
  const auto view = g.node("Reshape", {relu, g.constant(i64({4, 1}))});
  const auto y = g.node("Mul", {view, two});
  g.output(y);
  Session session(g.build(), {.taps = {x, relu, two, view, y}});
  std::map<ValueId, std::vector<float>> seen;
  std::vector<ValueId> order;
  session.run({{"x", f32({1, 4}, {-1, 1, 2, 3})}}, [&](ValueId id, const TensorView& value) {
    order.push_back(id);
    seen[id].assign(value.as<float>(), value.as<float>() + value.size());
  });
  REQUIRE(order.size() == 5);
  CHECK(order.front() == x);
  CHECK(order.back() == y);
  CHECK(seen[x] == std::vector<float>{-1, 1, 2, 3});
  CHECK(seen[relu] == std::vector<float>{0, 1, 2, 3});
  CHECK(seen[two] == std::vector<float>{2});
  CHECK(seen[view] == std::vector<float>{0, 1, 2, 3});
  CHECK(seen[y] == std::vector<float>{0, 2, 4, 6});
}

TEST_CASE("a run can be made step by step, dropped, and made again", "[session]") {
  Session session(small_graph());
  const Tensor x = ramp({1, 4}, -2);
  session.start({{"x", x}});
  CHECK(session.step());
  CHECK_THROWS_AS(session.finish(), Error);  // not at the end yet
  session.start({{"x", x}});                 // drops the run above
  int steps = 1;
  while (session.step()) ++steps;
  CHECK(steps == 3);
  CHECK_FALSE(session.step());
  CHECK(difference(session.finish()[0].tensor, small_result(x)) == "");
  CHECK_THROWS_AS(session.step(), Error);  // no run is under way
}

TEST_CASE("profiling gives a time per node", "[session]") {
  Session session(small_graph());
  double now = 0;
  session.profile([&] { return now += 5; });
  session.run({{"x", ramp({1, 4})}});
  REQUIRE(session.times().size() == 3);
  for (const NodeTime& time : session.times()) {
    CHECK(time.microseconds == 5);
    CHECK(session.graph().alive(time.node));
  }
}

TEST_CASE("shape arithmetic on known shapes is computed while planning", "[session]") {
  // Reshape(x, [Shape(x)[0], -1]) with a free batch
  GraphBuilder g;
  const auto x = g.input("x", {-1, 2, 3});
  const auto shape = g.node("Shape", {x});
  const auto batch = g.node("Gather", {shape, g.constant(i64({0}))});
  const auto target = g.node("Concat", {batch, g.constant(i64({-1}))}, {{"axis", int64_t{0}}});
  g.output(g.node("Reshape", {x, target}));
  Session session(g.build());
  for (int64_t n : {1, 3}) {
    int steps = 0;
    session.start({{"x", ramp({n, 2, 3})}});
    do ++steps;
    while (session.step());
    CHECK(steps == 1);  // the Reshape alone
    CHECK(difference(session.finish()[0].tensor, ramp({n, 6})) == "");
  }
}

TEST_CASE("shapes that depend on data are planned while running", "[session]") {
  // The elements of x that are not zero, squared; then joined with x.
  GraphBuilder g;
  const auto x = g.input("x", {-1});
  const auto where = g.node("NonZero", {x});
  const auto index = g.node("Squeeze", {where, g.constant(i64({0}))});
  const auto kept = g.node("Gather", {g.node("Relu", {x}), index});
  const auto squared = g.node("Mul", {kept, kept});
  g.output(squared);
  g.output(g.node("Concat", {squared, x}, {{"axis", int64_t{0}}}));
  g.output(g.node("Shape", {squared}));
  Session session(g.build(), {.taps = {squared}});
  struct Case {
    std::vector<float> x, squares;
  };
  for (const Case& c :
       {Case{{0, 2, 0, 3}, {4, 9}}, Case{{1, 2, 3, 4}, {1, 4, 9, 16}}, Case{{0, 0, 0, 0}, {}}}) {
    size_t tapped = 99;
    const auto outputs = session.run({{"x", f32({4}, c.x)}}, [&](ValueId, const TensorView& view) {
      tapped = static_cast<size_t>(view.size());
    });
    const auto count = static_cast<int64_t>(c.squares.size());
    CHECK(difference(outputs[0].tensor, f32({count}, c.squares)) == "");
    std::vector<float> joined = c.squares;
    joined.insert(joined.end(), c.x.begin(), c.x.end());
    CHECK(difference(outputs[1].tensor, f32({count + 4}, joined)) == "");
    CHECK(difference(outputs[2].tensor, i64({count})) == "");
    CHECK(tapped == c.squares.size());
  }
  CHECK(session.stats().plans == 1);
}

TEST_CASE("a shape that is fed is read while running", "[session]") {
  GraphBuilder g;
  const auto x = g.input("x", {6});
  const auto shape = g.input("shape", {2}, DType::kInt64);
  g.output(g.node("Neg", {g.node("Reshape", {x, shape})}));
  Session session(g.build());
  for (const Shape& wanted : {Shape{2, 3}, Shape{6, 1}}) {
    const auto outputs = session.run({{"x", ramp({6})}, {"shape", i64(wanted)}});
    CHECK(difference(outputs[0].tensor, ramp(wanted, 0, -1)) == "");
  }
}

}  // namespace
}  // namespace eightfold::test
