// If, Loop and Scan in a session, against loops written out in C++.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "ir/verify.h"
#include "ops/op.h"
#include "runtime/fold_constants.h"
#include "runtime/session.h"
#include "support/bodies.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

Tensor yes(bool value = true) { return booleans({}, {value}); }

// The error of a run; fails the test when there is none.
Error error_of(const Graph& graph, const Feeds& feeds, SessionOptions options = {}) {
  try {
    Session(graph, std::move(options)).run(feeds);
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  return Error(ErrorCode::kInternal, "");
}

// condition ? x * w : x + captured, where w is an initializer of the outer graph.
Graph choice() {
  GraphBuilder g;
  const auto condition = g.input("condition", {}, DType::kBool);
  const auto x = g.input("x", {-1, 3});
  const auto w = g.constant(f32({3, 3}, {1, 0, 0, 0, 2, 0, 0, 0, 3}));
  const auto shifted = g.node("Neg", {x});
  BodyBuilder a(g.graph(), "a_"), b(g.graph(), "b_");
  a.output(a.node("MatMul", {a.capture(x), a.capture(w)}));
  b.output(b.node("Sub", {b.capture(x), b.capture(shifted)}));
  g.output(g.node(
      "Relu", add_control(g, "If", {condition}, 1, {{"then_branch", &a}, {"else_branch", &b}})));
  return g.build();
}

TEST_CASE("If runs one branch, in a plan when both give one shape", "[control]") {
  const Graph graph = choice();
  verify(graph);
  Session session(graph);
  for (int round = 0; round < 3; ++round) {
    auto out = session.run({{"condition", yes()}, {"x", f32({1, 3}, {1, 2, 3})}});
    CHECK(difference(out[0].tensor, f32({1, 3}, {1, 4, 9})) == "");
    out = session.run({{"condition", yes(false)}, {"x", f32({1, 3}, {1, 2, 3})}});
    CHECK(difference(out[0].tensor, f32({1, 3}, {2, 4, 6})) == "");
  }
  CHECK(session.stats().plans == 1);
  CHECK(session.stats().arena_bytes > 0);     // the If's output has its place in the plan
  CHECK(session.stats().packed_bytes >= 36);  // of the weight, by the body
}

TEST_CASE("branches may give different shapes", "[control]") {
  GraphBuilder g;
  const auto condition = g.input("condition", {}, DType::kBool);
  const auto x = g.input("x", {2, 2});
  BodyBuilder a(g.graph(), "a_"), b(g.graph(), "b_");
  a.output(a.node("ReduceSum", {a.capture(x)}, {{"keepdims", int64_t{0}}}));
  b.output(b.capture(x));
  const auto y = add_control(g, "If", {condition}, 1, {{"then_branch", &a}, {"else_branch", &b}});
  g.output(g.node("Mul", {y[0], g.constant(f32({}, {10}))}));
  Session session(g.build());
  const Tensor x_value = f32({2, 2}, {1, 2, 3, 4});
  auto out = session.run({{"condition", yes()}, {"x", x_value}});
  CHECK(difference(out[0].tensor, f32({}, {100})) == "");
  out = session.run({{"condition", yes(false)}, {"x", x_value}});
  CHECK(difference(out[0].tensor, f32({2, 2}, {10, 20, 30, 40})) == "");
}

TEST_CASE("a branch that is not taken may be impossible", "[control]") {
  GraphBuilder g;
  const auto condition = g.input("condition", {}, DType::kBool);
  const auto x = g.input("x", {-1});
  BodyBuilder a(g.graph(), "a_"), b(g.graph(), "b_");
  a.output(a.node("Reshape", {a.capture(x), a.constant(i64({2, 2}))}));
  b.output(b.node("NoSuchOperator", {b.capture(x)}));
  g.output(add_control(g, "If", {condition}, 1, {{"then_branch", &a}, {"else_branch", &b}})[0]);
  Session session(g.build());
  const auto out = session.run({{"condition", yes()}, {"x", ramp({4})}});
  CHECK(difference(out[0].tensor, ramp({2, 2})) == "");
  const Error absent = error_of(g.build(), {{"condition", yes(false)}, {"x", ramp({4})}});
  CHECK(absent.code() == ErrorCode::kUnsupportedOp);
  CHECK(absent.op_type() == "NoSuchOperator");
  const Error shape = error_of(g.build(), {{"condition", yes()}, {"x", ramp({5})}});
  CHECK(shape.code() == ErrorCode::kInvalidShape);
  CHECK(shape.node() == "a_Reshape0");
}

// total += i * step until total > bound; scans total.
struct Summing {
  GraphBuilder g;
  std::vector<ValueId> made;
  explicit Summing(bool with_trips = true) {
    const auto trips = g.input("trips", {}, DType::kInt64);
    const auto start = g.input("start", {2});
    const auto step = g.input("step", {});
    const auto bound = g.input("bound", {});
    BodyBuilder body(g.graph(), "l_");
    const auto i = body.input("i", {}, DType::kInt64);
    body.input("go", {}, DType::kBool);
    const auto total = body.input("total", {2});
    const auto f = body.node("Cast", {i}, {{"to", int64_t{1}}});
    const auto next = body.node("Add", {total, body.node("Mul", {f, body.capture(step)})});
    const auto most = body.node("ReduceMax", {next}, {{"keepdims", int64_t{0}}});
    body.output(body.node("LessOrEqual", {most, body.capture(bound)}));
    body.output(next);
    body.output(next);
    made = add_control(g, "Loop", {with_trips ? trips : kNone, kNone, start}, 2, {{"body", &body}});
    g.output(made[0]);
    g.output(made[1]);
  }
};

TEST_CASE("Loop counts, carries, scans and stops", "[control]") {
  Session session(Summing().g.build());
  struct Row {
    const char* comment;
    int64_t trips;
    float bound;
  };
  for (const Row& row : {Row{"to the end", 5, 1e9f}, Row{"no trip", 0, 1e9f},
                         Row{"a negative count is none", -3, 1e9f}, Row{"one", 1, 1e9f},
                         Row{"the condition ends it", 100, 20}, Row{"many", 300, 1e9f}}) {
    INFO(row.comment);
    float total[2] = {1, 2};
    std::vector<float> scanned;
    for (int64_t i = 0; i < row.trips; ++i) {
      for (float& each : total) scanned.push_back(each += static_cast<float>(i) * 0.5f);
      if (std::max(total[0], total[1]) > row.bound) break;
    }
    const auto out = session.run({{"trips", i64({}, {row.trips})},
                                  {"start", f32({2}, {1, 2})},
                                  {"step", f32({}, {0.5f})},
                                  {"bound", f32({}, {row.bound})}});
    CHECK(difference(out[0].tensor, f32({2}, {total[0], total[1]})) == "");
    const auto count = static_cast<int64_t>(scanned.size()) / 2;
    CHECK(difference(out[1].tensor, f32({count, 2}, scanned)) == "");
  }
  CHECK(session.stats().plans == 1);
}

TEST_CASE("a Loop without an end is stopped", "[control]") {
  const Feeds feeds = {{"trips", i64({}, {0})},
                       {"start", f32({2}, {0, 0})},
                       {"step", f32({}, {0})},
                       {"bound", f32({}, {1})}};
  const Graph graph = Summing(false).g.build();
  const Error runs = error_of(graph, feeds, {.body_run_limit = 1000});
  CHECK(runs.code() == ErrorCode::kLimitExceeded);
  CHECK(runs.op_type() == "Loop");
  const Error memory = error_of(graph, feeds, {.memory_limit_bytes = 1 << 16});
  CHECK(memory.code() == ErrorCode::kOutOfMemory);  // the scan outputs count
}

TEST_CASE("a Loop is a step per turn, and a run may end between two of them", "[control]") {
  Session session(Summing().g.build());
  const auto feeds = [](int64_t trips) {
    return Feeds{{"trips", i64({}, {trips})},
                 {"start", f32({2}, {1, 2})},
                 {"step", f32({}, {0.5f})},
                 {"bound", f32({}, {1e9f})}};
  };
  double now = 0;
  session.profile([&now] { return now += 1; });
  const auto steps = [&](int64_t trips) {
    session.start(feeds(trips));
    int count = 1;
    while (session.step()) ++count;
    return count;
  };
  const int none = steps(0);
  CHECK(steps(7) == none + 7);
  const auto nodes = session.times().size();
  const auto want = session.finish();
  CHECK(steps(50) == none + 50);
  CHECK(session.times().size() == nodes);  // one time per node, of all its turns
  session.start(feeds(1000));
  for (int i = 0; i < none + 20; ++i) REQUIRE(session.step());
  const auto got = session.run(feeds(7));  // the run before is dropped
  for (size_t i = 0; i < want.size(); ++i) {
    CHECK(difference(got[i].tensor, want[i].tensor) == "");
  }
}

TEST_CASE("a carried value may grow", "[control]") {
  GraphBuilder g;
  const auto trips = g.input("trips", {}, DType::kInt64);
  const auto start = g.input("start", {1});
  BodyBuilder body(g.graph(), "l_");
  body.input("i", {}, DType::kInt64);
  const auto go = body.input("go", {}, DType::kBool);
  const auto list = body.free_input("list");
  const auto doubled = body.node("Mul", {list, body.constant(f32({}, {2}))});
  body.output(body.node("Identity", {go}));
  body.output(body.node("Concat", {list, doubled}, {{"axis", int64_t{0}}}));
  g.output(g.node("Neg", add_control(g, "Loop", {trips, kNone, start}, 1, {{"body", &body}})));
  Session session(g.build());
  for (int64_t count : {0, 1, 4, 9}) {
    std::vector<float> want = {1};
    for (int64_t i = 0; i < count; ++i) {
      const size_t size = want.size();
      for (size_t j = 0; j < size; ++j) want.push_back(want[j] * 2);
    }
    for (float& each : want) each = -each;
    const auto out = session.run({{"trips", i64({}, {count})}, {"start", f32({1}, {1})}});
    CHECK(difference(out[0].tensor, f32({static_cast<int64_t>(want.size())}, want)) == "");
  }
}

// for i < n: for j < i: if (i + j) even: total += x else total -= y, across three graphs.
TEST_CASE("bodies nest and capture through each other", "[control]") {
  GraphBuilder g;
  const auto n = g.input("n", {}, DType::kInt64);
  const auto x = g.input("x", {});
  const auto y = g.constant(f32({}, {0.25f}));
  const auto zero = g.constant(f32({}, {0}));
  BodyBuilder outer(g.graph(), "o_");
  const auto i = outer.input("i", {}, DType::kInt64);
  const auto outer_go = outer.input("go", {}, DType::kBool);
  const auto outer_total = outer.input("total", {});
  const auto x1 = outer.capture(x), y1 = outer.capture(y);

  BodyBuilder inner(outer.graph(), "i_");
  const auto j = inner.input("j", {}, DType::kInt64);
  const auto inner_go = inner.input("go", {}, DType::kBool);
  const auto total = inner.input("total", {});
  const auto x2 = inner.capture(x1), y2 = inner.capture(y1);
  const auto sum = inner.node("Add", {inner.capture(i), j});
  const auto odd = inner.node("Mod", {sum, inner.constant(i64({}, {2}))});
  const auto even = inner.node("Equal", {odd, inner.constant(i64({}, {0}))});
  BodyBuilder a(inner.graph(), "a_"), b(inner.graph(), "b_");
  a.output(a.node("Add", {a.capture(total), a.capture(x2)}));
  b.output(b.node("Sub", {b.capture(total), b.capture(y2)}));
  const auto next = add_control(inner, "If", {even}, 1, {{"then_branch", &a}, {"else_branch", &b}});
  inner.output(inner.node("Identity", {inner_go}));
  inner.output(next[0]);

  const auto row = add_control(outer, "Loop", {i, kNone, outer_total}, 1, {{"body", &inner}});
  outer.output(outer.node("Identity", {outer_go}));
  outer.output(row[0]);
  outer.output(row[0]);
  const auto out = add_control(g, "Loop", {n, kNone, zero}, 2, {{"body", &outer}});
  for (ValueId id : out) g.output(id);
  const Graph graph = g.build();
  verify(graph);
  Session session(graph);
  for (int64_t count : {0, 1, 7, 3}) {
    float want = 0;
    std::vector<float> rows;
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t q = 0; q < p; ++q) want += (p + q) % 2 == 0 ? 2.0f : -0.25f;
      rows.push_back(want);
    }
    const auto got = session.run({{"n", i64({}, {count})}, {"x", f32({}, {2})}});
    CHECK(difference(got[0].tensor, f32({}, {want})) == "");
    CHECK(difference(got[1].tensor, f32({count}, rows)) == "");
  }
}

// state += slice; scanned = state * 2, along axes and in directions.
TEST_CASE("Scan goes along any axis in both directions", "[control]") {
  constexpr int64_t kLength = 4, kWidth = 3;
  for (const int64_t in_axis : {0, 1, -1}) {
    for (const int64_t out_axis : {0, 1, -2}) {
      for (const int64_t back : {0, 1}) {
        for (const int64_t out_back : {0, 1}) {
          INFO(in_axis << " " << out_axis << " " << back << " " << out_back);
          GraphBuilder g;
          const bool first = in_axis == 0;
          const auto state = g.input("state", {kWidth});
          const auto x = g.input("x", first ? Shape{kLength, kWidth} : Shape{kWidth, kLength});
          BodyBuilder body(g.graph(), "s_");
          const auto s = body.input("s", {kWidth});
          const auto e = body.input("e", {kWidth});
          const auto next = body.node("Add", {s, e});
          body.output(next);
          body.output(body.node("Mul", {next, body.constant(f32({}, {2}))}));
          const auto out = add_control(g, "Scan", {state, x}, 2, {{"body", &body}},
                                       {{"num_scan_inputs", int64_t{1}},
                                        {"scan_input_axes", ints({in_axis})},
                                        {"scan_input_directions", ints({back})},
                                        {"scan_output_axes", ints({out_axis})},
                                        {"scan_output_directions", ints({out_back})}});
          for (ValueId id : out) g.output(id);
          const Tensor given = ramp(first ? Shape{kLength, kWidth} : Shape{kWidth, kLength});
          const auto values = given.data<float>();
          std::vector<float> total = {1, 2, 3};
          const bool out_first = out_axis != 1;
          std::vector<float> want(kLength * kWidth);
          for (int64_t t = 0; t < kLength; ++t) {
            const int64_t at = back ? kLength - 1 - t : t, to = out_back ? kLength - 1 - t : t;
            for (int64_t c = 0; c < kWidth; ++c) {
              total[c] += values[first ? at * kWidth + c : c * kLength + at];
              want[out_first ? to * kWidth + c : c * kLength + to] = 2 * total[c];
            }
          }
          Session session(g.build());
          const auto got = session.run({{"state", f32({kWidth}, {1, 2, 3})}, {"x", given}});
          CHECK(difference(got[0].tensor, f32({kWidth}, total)) == "");
          const Shape shape = out_first ? Shape{kLength, kWidth} : Shape{kWidth, kLength};
          CHECK(difference(got[1].tensor, f32(shape, want)) == "");
        }
      }
    }
  }
}

TEST_CASE("Scan of opset 8 goes row by row of a batch, each to its length", "[control]") {
  GraphBuilder g(8);
  const auto lengths = g.input("lengths", {2}, DType::kInt64);
  const auto state = g.input("state", {2, 1});
  const auto x = g.input("x", {2, 3, 1});
  BodyBuilder body(g.graph(), "s_");
  const auto next = body.node("Add", {body.input("s", {1}), body.input("e", {1})});
  body.output(next);
  body.output(next);
  for (ValueId id : add_control(g, "Scan", {lengths, state, x}, 2, {{"body", &body}},
                                {{"num_scan_inputs", int64_t{1}}})) {
    g.output(id);
  }
  const auto got = Session(g.build()).run({{"lengths", i64({3, 2})},
                                           {"state", f32({2, 1}, {0, 10})},
                                           {"x", f32({2, 3, 1}, {1, 2, 3, 4, 5, 6})}});
  CHECK(difference(got[0].tensor, f32({2, 1}, {6, 19})) == "");
  CHECK(difference(got[1].tensor, f32({2, 3, 1}, {1, 3, 6, 14, 19, 0})) == "");
}

TEST_CASE("bodies that do not fit their node are refused by name", "[control]") {
  GraphBuilder g;
  const auto condition = g.input("condition", {}, DType::kBool);
  const auto x = g.input("x", {2});
  const Feeds feeds = {{"condition", yes()}, {"x", ramp({2})}};
  BodyBuilder one(g.graph(), "a_");
  one.output(one.capture(x));
  SECTION("a missing branch") {
    g.output(add_control(g, "If", {condition}, 1, {{"then_branch", &one}})[0]);
    CHECK(error_of(g.build(), feeds).code() == ErrorCode::kInvalidAttribute);
  }
  SECTION("too few outputs") {
    const auto made =
        add_control(g, "If", {condition}, 2, {{"then_branch", &one}, {"else_branch", &one}});
    g.output(made[1]);
    const Error error = error_of(g.build(), feeds);
    CHECK(error.code() == ErrorCode::kInvalidGraph);
    CHECK(error.op_type() == "If");
    CHECK(error.node() == "If_0");
  }
  SECTION("a condition that is none") {
    g.output(add_control(g, "If", {x}, 1, {{"then_branch", &one}, {"else_branch", &one}})[0]);
    CHECK(error_of(g.build(), feeds).code() == ErrorCode::kInvalidType);
  }
  SECTION("no condition") {
    g.output(add_control(g, "If", {}, 1, {{"then_branch", &one}, {"else_branch", &one}})[0]);
    CHECK(error_of(g.build(), feeds).code() == ErrorCode::kInvalidGraph);
  }
  SECTION("a Loop whose body takes nothing") {
    g.output(add_control(g, "Loop", {kNone, condition, x}, 1, {{"body", &one}})[0]);
    CHECK(error_of(g.build(), feeds).code() == ErrorCode::kInvalidGraph);
  }
  SECTION("a Loop with fewer outputs than carried values") {
    g.output(add_control(g, "Loop", {kNone, condition, x, x}, 1, {{"body", &one}})[0]);
    CHECK(error_of(g.build(), feeds).code() == ErrorCode::kInvalidGraph);
  }
  SECTION("a Scan without scan inputs") {
    g.output(add_control(g, "Scan", {x}, 1, {{"body", &one}})[0]);
    CHECK(error_of(g.build(), feeds).code() == ErrorCode::kInvalidAttribute);
  }
}

TEST_CASE("a condition that follows from shapes chooses the branch in the plan", "[control]") {
  GraphBuilder g;
  const auto x = g.input("x", {-1, 4});
  const auto batch = g.node("Gather", {g.node("Shape", {x}), g.constant(i64({0}))});
  const auto single = g.node("Equal", {batch, g.constant(i64({1}))});
  BodyBuilder a(g.graph(), "a_"), b(g.graph(), "b_");
  a.output(a.node("Squeeze", {a.capture(x), a.constant(i64({0}))}));
  b.output(b.node("Neg", {b.capture(x)}));
  const auto y = add_control(g, "If", {single}, 1, {{"then_branch", &a}, {"else_branch", &b}});
  const auto shape = g.node("Shape", {y[0]});
  g.output(y[0]);
  g.output(shape);
  Session session(g.build());
  auto got = session.run({{"x", ramp({1, 4})}});
  CHECK(difference(got[0].tensor, ramp({4})) == "");
  CHECK(difference(got[1].tensor, i64({1}, {4})) == "");
  CHECK(session.stats().arena_bytes >= 16);  // the output has a place: its shape is known
  got = session.run({{"x", ramp({2, 4})}});
  CHECK(difference(got[0].tensor, ramp({2, 4}, 0, -1)) == "");
  CHECK(difference(got[1].tensor, i64({2}, {2, 4})) == "");
}

TEST_CASE("a body that changes the shape of what it scans is an error", "[control]") {
  GraphBuilder g;
  const auto trips = g.input("trips", {}, DType::kInt64);
  BodyBuilder body(g.graph(), "l_");
  const auto i = body.input("i", {}, DType::kInt64);
  const auto go = body.input("go", {}, DType::kBool);
  body.output(body.node("Identity", {go}));
  body.output(body.node("Expand", {i, body.node("Reshape", {i, body.constant(i64({1}))})}));
  g.output(add_control(g, "Loop", {trips, kNone}, 1, {{"body", &body}})[0]);
  const Error error = error_of(g.build(), {{"trips", i64({}, {3})}});
  CHECK(error.code() == ErrorCode::kInvalidShape);
  CHECK(error.op_type() == "Loop");
}

TEST_CASE("types of bodies are inferred from what surrounds them", "[control]") {
  Graph graph = choice();
  infer_types(graph);
  const NodeId id = graph.nodes()[1];
  REQUIRE(graph.node(id).op_type == "If");
  const ValueType& type = graph.value(graph.node(id).output(0)).type;
  CHECK(type.dtype == DType::kFloat32);
  REQUIRE(type.dims);
  CHECK((*type.dims)[0].name == "N");
  CHECK((*type.dims)[1].value == 3);
  verify(graph);
}

TEST_CASE("an If with a constant condition becomes its branch", "[control][fold]") {
  for (const bool taken : {true, false}) {
    GraphBuilder g;
    const auto x = g.input("x", {2});
    const auto not_taken = g.node("Not", {g.constant(yes(taken))});
    const auto condition = g.node("Not", {not_taken});
    const auto twice = g.node("Add", {x, x});
    BodyBuilder a(g.graph(), "a_"), b(g.graph(), "b_");
    // Of the first branch one output has a node of its own, one is a capture, one inner Ifs.
    const auto neg = a.node("Neg", {a.capture(twice)});
    BodyBuilder deep(a.graph(), "d_"), other(a.graph(), "e_");
    deep.output(deep.node("Mul", {deep.capture(neg), deep.constant(f32({}, {3}))}));
    other.output(other.capture(neg));
    const auto inner = add_control(a, "If", {a.constant(yes())}, 1,
                                   {{"then_branch", &deep}, {"else_branch", &other}});
    a.output(neg);
    a.output(a.capture(twice));
    a.output(inner[0]);
    for (int i = 0; i < 3; ++i) b.output(b.capture(x));
    const auto made =
        add_control(g, "If", {condition}, 3, {{"then_branch", &a}, {"else_branch", &b}});
    g.output(made[0]);
    g.output(g.node("Abs", {made[1]}));
    g.output(made[2]);
    const Graph graph = g.build();
    verify(graph);
    const Graph folded = fold_constants(graph);
    verify(folded);
    for (NodeId id : folded.nodes()) CHECK_FALSE(folded.node(id).has_bodies());
    const Tensor feed = f32({2}, {1, -2});
    const auto want = Session(graph).run({{"x", feed}});
    const auto got = Session(folded).run({{"x", feed}});
    const std::vector<float> expected =
        taken ? std::vector<float>{-2, 4} : std::vector<float>{1, -2};
    CHECK(difference(want[0].tensor, f32({2}, expected)) == "");
    for (size_t i = 0; i < want.size(); ++i) {
      CHECK(got[i].name == want[i].name);
      CHECK(difference(got[i].tensor, want[i].tensor) == "");
    }
  }
}

}  // namespace
}  // namespace eightfold::test
