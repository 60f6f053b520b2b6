// Session: feeds that do not fit, nodes that cannot run, faults while running.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

Graph two_inputs() {
  GraphBuilder g;
  const auto x = g.input("x", {-1, 4});
  const auto k = g.input("k", {1}, DType::kInt64);
  g.constant(f32({}, {1}), "one");
  g.output(g.node("Gather", {g.node("Relu", {x}), k}, {{"axis", int64_t{1}}}));
  return g.build();
}

TEST_CASE("feeds that do not fit are refused in words", "[session][errors]") {
  Session session(two_inputs());
  const Tensor x = ramp({2, 4}), k = i64({1});
  struct Case {
    std::string comment;
    Feeds feeds;
    std::vector<std::string> words;
  };
  const std::vector<Case> cases = {
      {"missing", {{"x", x}}, {"'k' is missing"}},
      {"unknown", {{"x", x}, {"k", k}, {"z", k}}, {"'z' is not an input", "'x', 'k'"}},
      {"an inner value", {{"x", x}, {"k", k}, {"Relu_0_0", x}}, {"'Relu_0_0' is not an input"}},
      {"a constant", {{"x", x}, {"k", k}, {"one", x}}, {"'one' is a constant"}},
      {"twice", {{"x", x}, {"x", x}, {"k", k}}, {"'x' is given twice"}},
      {"dtype", {{"x", i64({2, 4}, {})}, {"k", k}}, {"expects float32 [N, 4]", "got int64 [2, 4]"}},
      {"rank", {{"x", ramp({4})}, {"k", k}}, {"expects float32 [N, 4]", "got float32 [4]"}},
      {"fixed dim", {{"x", x}, {"k", i64({1, 2})}}, {"expects int64 [1]", "got int64 [2]"}},
      {"nothing in it", {{"x", Tensor{}}, {"k", k}}, {"'x'"}},
  };
  for (const Case& c : cases) {
    INFO(c.comment);
    try {
      session.run(c.feeds);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidInput);
      const std::string what = error.what();
      for (const std::string& word : c.words) {
        INFO(what);
        CHECK(what.find(word) != std::string::npos);
      }
    }
  }
  // and the session still works
  CHECK(difference(session.run({{"k", k}, {"x", x}})[0].tensor, f32({2, 1}, {1, 5})) == "");
}

TEST_CASE("a fault of the data names the node, and the next run is fine", "[session][errors]") {
  Session session(two_inputs());
  const Tensor x = ramp({2, 4});
  try {
    session.run({{"x", x}, {"k", i64({4})}});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidData);
    CHECK(error.node() == "Gather_1");
    CHECK(error.op_type() == "Gather");
  }
  CHECK_THROWS_AS(session.finish(), Error);
  CHECK(difference(session.run({{"x", x}, {"k", i64({3})}})[0].tensor, f32({2, 1}, {3, 7})) == "");
}

TEST_CASE("an unknown op is reported by the run, not by loading", "[session][errors]") {
  GraphBuilder g;
  const auto x = g.input("x", {1});
  g.output(g.node("Frobnicate", {x}, GraphBuilder::Extra{{}, "acme", "frob"}));
  Session session(g.build());
  try {
    session.run({{"x", ramp({1})}});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kUnsupportedOp);
    CHECK(error.node() == "frob");
    CHECK(error.op_type() == "Frobnicate");
    CHECK_FALSE(error.hint().empty());
  }
}

TEST_CASE("shapes that do not fit a node are refused when planning", "[session][errors]") {
  GraphBuilder g;
  const auto x = g.input("x", {-1});
  g.output(g.node("Add", {x, g.constant(ramp({3}))}));
  Session session(g.build());
  CHECK(difference(session.run({{"x", ramp({1}, 1)}})[0].tensor, ramp({3}, 1)) == "");
  try {
    session.run({{"x", ramp({2})}});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidShape);
    CHECK(error.node() == "Add_0");
  }
  CHECK(difference(session.run({{"x", ramp({3})}})[0].tensor, ramp({3}, 0, 2)) == "");
}

}  // namespace
}  // namespace eightfold::test
