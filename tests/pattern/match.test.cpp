// The matcher: precedence, users, MatchAllNode, constants, claims, near misses.
#include "pattern/match.h"

#include <algorithm>
#include <catch_amalgamated.hpp>

#include "ir/constant.h"
#include "support/graph_builder.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using test::f32;
using test::GraphBuilder;

const Pattern kAny = Pattern::match_all();

// x -> Conv -> [BatchNormalization ->] Relu, weights constant.
struct Chain {
  GraphBuilder g;
  ValueId x = g.input("x", {1, 1, 4, 4});
  ValueId w = g.constant(f32({1, 1, 1, 1}, {2}));
  ValueId conv = g.node("Conv", {x, w});
  ValueId relu = g.node("Relu", {conv});
  NodeId node(ValueId value) { return g.graph().value(value).producer(); }
};

bool matches(const Graph& graph, NodeId node, const Pattern& pattern, std::string* why = nullptr) {
  return match_at(graph, node, pattern, nullptr, why);
}

TEST_CASE("a chain matches from its anchor, weights aside", "[match]") {
  Chain c;
  c.g.output(c.relu);
  Match match;
  std::string why;
  REQUIRE(match_at(c.g.graph(), c.node(c.relu), Pattern::forward({"Conv", "Relu"}), &match, &why));
  CHECK(match.anchor == c.node(c.relu));
  CHECK(match.claimed == std::vector<NodeId>{c.node(c.relu), c.node(c.conv)});
  CHECK(match.tree.args[0].node == c.node(c.conv));
  CHECK(match.tree.args[0].value == c.conv);
  // A bare op leaves its inputs unconstrained, and another op is no near miss.
  CHECK(matches(c.g.graph(), c.node(c.conv), Pattern::of("Conv")));
  CHECK_FALSE(matches(c.g.graph(), c.node(c.conv), Pattern::of("Relu"), &why));
  CHECK(why.empty());
}

TEST_CASE("inner nodes have exactly one user, the anchor any number", "[match]") {
  const Pattern pattern = Pattern::forward({"Conv", "Relu"});
  SECTION("two users of the anchor") {
    Chain c;
    c.g.output(c.g.node("Abs", {c.relu}));
    c.g.output(c.g.node("Neg", {c.relu}));
    CHECK(matches(c.g.graph(), c.node(c.relu), pattern));
  }
  SECTION("two users of the inner value") {
    Chain c;
    c.g.output(c.relu);
    c.g.output(c.g.node("Abs", {c.conv}));
    std::string why;
    CHECK_FALSE(matches(c.g.graph(), c.node(c.relu), pattern, &why));
    CHECK(why == "the value 'Conv_0_0' has 2 users");
  }
  SECTION("the inner value is a graph output") {
    Chain c;
    c.g.output(c.relu);
    c.g.output(c.conv);
    std::string why;
    CHECK_FALSE(matches(c.g.graph(), c.node(c.relu), pattern, &why));
    CHECK(why.find("outputs among them") != std::string::npos);
  }
  SECTION("a body captures the inner value") {
    Chain c;
    c.g.output(c.relu);
    const ValueId other = c.g.node("If", {c.x});
    c.g.graph().set_captures(c.node(other), {c.conv});
    c.g.output(other);
    CHECK_FALSE(matches(c.g.graph(), c.node(c.relu), pattern));
  }
}

TEST_CASE("MatchAllNode takes anything, in either place", "[match]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 1, 4, 4});
  const ValueId w = g.constant(f32({1, 1, 1, 1}, {2}));
  const ValueId conv = g.node("Conv", {x, w});
  const ValueId left = g.node("Add", {conv, x});
  g.output(left);
  const NodeId add = g.graph().value(left).producer();
  CHECK(matches(g.graph(), add, Pattern::of("Add", {Pattern::of("Conv"), kAny})));
  CHECK_FALSE(matches(g.graph(), add, Pattern::of("Add", {kAny, Pattern::of("Conv")})));
  Match match;
  REQUIRE(match_at(g.graph(), add, Pattern::of("Add", {kAny, kAny}), &match, nullptr));
  CHECK(match.claimed == std::vector<NodeId>{add});
  CHECK(match.tree.args[0].match_all);
  CHECK(match.tree.args[0].value == conv);
  CHECK(match.tree.args[1].node == kNone);  // a graph input
}

TEST_CASE("the same value twice is refused", "[match]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 1, 4, 4});
  const ValueId conv = g.node("Conv", {x, g.constant(f32({1, 1, 1, 1}, {2}))});
  const ValueId add = g.node("Add", {conv, conv});
  g.output(add);
  std::string why;
  CHECK_FALSE(matches(g.graph(), g.graph().value(add).producer(),
                      Pattern::of("Add", {Pattern::of("Conv"), kAny}), &why));
  CHECK(why == "Add_1 takes the same value twice");
}

TEST_CASE("literals match scalar constants of that value", "[match]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {4});
  const ValueId six = g.constant(Tensor::scalar(6.0f));
  const ValueId many = g.constant(f32({2}, {6, 6}));
  const ValueId min = g.node("Min", {x, six});
  const ValueId other = g.node("Min", {min, many});
  g.output(other);
  const auto node = [&](ValueId v) { return g.graph().value(v).producer(); };
  CHECK(matches(g.graph(), node(min), Pattern::of("Min", {kAny, Pattern::literal(6)})));
  CHECK_FALSE(matches(g.graph(), node(min), Pattern::of("Min", {kAny, Pattern::literal(5)})));
  CHECK_FALSE(matches(g.graph(), node(other), Pattern::of("Min", {kAny, Pattern::literal(6)})));
}

TEST_CASE("larger patterns go first, then tuples, then single ops", "[match]") {
  const std::vector<Pattern> patterns = {Pattern::of("Conv"), Pattern::forward({"Conv", "Relu"}),
                                         Pattern::of("Relu"),
                                         Pattern::forward({"Conv", "BatchNormalization", "Relu"}),
                                         Pattern::forward({"Conv", "BatchNormalization"})};
  CHECK(precedence(patterns) == std::vector<int>{3, 1, 4, 0, 2});
}

TEST_CASE("matches claim their nodes, from the end of the graph", "[match]") {
  // relu1 is the MatchAllNode of a residual sum and still belongs to its own Conv.
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 1, 4, 4});
  const ValueId w = g.constant(f32({1, 1, 1, 1}, {2}));
  const ValueId relu1 = g.node("Relu", {g.node("Conv", {x, w})});
  const ValueId conv2 = g.node("Conv", {relu1, w});
  const ValueId relu2 = g.node("Relu", {g.node("Add", {relu1, conv2})});
  g.output(relu2);
  const std::vector<Pattern> patterns = {
      Pattern::forward({"Conv", "Relu"}),
      Pattern::of("Relu", {Pattern::of("Add", {kAny, Pattern::of("Conv")})}), Pattern::of("Conv")};
  const std::vector<Match> found = find_matches(g.graph(), patterns);
  REQUIRE(found.size() == 2);
  CHECK(found[0].pattern == 1);
  CHECK(found[0].claimed.size() == 3);
  CHECK(found[1].pattern == 0);
}

TEST_CASE("what accept refuses goes to the next pattern", "[match]") {
  Chain c;
  c.g.output(c.relu);
  const std::vector<Pattern> patterns = {Pattern::forward({"Conv", "Relu"}), Pattern::of("Conv")};
  MatchOptions options;
  std::vector<NearMiss> misses;
  options.near_misses = &misses;
  std::string reason = "not today";
  options.accept = [&](const Match& match, std::string* why) {
    if (match.pattern != 0) return true;
    *why = reason;
    return false;
  };
  const std::vector<Match> found = find_matches(c.g.graph(), patterns, options);
  REQUIRE(found.size() == 1);
  CHECK(found[0].pattern == 1);
  REQUIRE(misses.size() == 1);
  CHECK(misses[0].reason == "not today");
  CHECK(misses[0].nodes.size() == 2);

  // Without a reason the place was never meant, even where a condition failed before.
  misses.clear();
  reason.clear();
  c.g.output(c.conv);
  find_matches(c.g.graph(), patterns, options);
  CHECK(misses.empty());
}

TEST_CASE("a computed parameter makes a near miss of arity", "[match]") {
  Chain c;
  const ValueId scale = c.g.input("scale", {1});
  const ValueId one = c.g.constant(f32({1}, {1}));
  const ValueId norm = c.g.node("BatchNormalization", {c.conv, scale, one, one, one});
  c.g.output(norm);
  std::string why;
  CHECK_FALSE(
      matches(c.g.graph(), c.node(norm), Pattern::forward({"Conv", "BatchNormalization"}), &why));
  CHECK(why.find("takes 2 computed inputs where the pattern has 1") != std::string::npos);
}

TEST_CASE("initializers among the inputs are constants before IR version 4 only", "[match]") {
  Chain c;
  c.g.graph().inputs.push_back(c.w);
  c.g.graph().model().ir_version = 3;
  CHECK(fixed_constant(c.g.graph(), c.w) != nullptr);
  c.g.graph().model().ir_version = 4;
  CHECK(is_overridable(c.g.graph(), c.w));
  CHECK(fixed_constant(c.g.graph(), c.w) == nullptr);
  CHECK(fixed_constant(c.g.graph(), kNone) == nullptr);
  CHECK_FALSE(is_overridable(c.g.graph(), c.x));
}

}  // namespace
}  // namespace eightfold
