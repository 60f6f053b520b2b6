// run_node and fold_constants.
#include "runtime/fold_constants.h"

#include <catch_amalgamated.hpp>

#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

TEST_CASE("constant nodes become initializers, up to the limit", "[fold]") {
  GraphBuilder g;
  const auto x = g.input("x", {4});
  const auto two = g.node("Add", {g.constant(f32({}, {1})), g.constant(f32({}, {1}))});
  const auto four = g.node("Mul", {two, two});
  const auto large = g.node("Expand", {four, g.constant(i64({4}))});
  const auto kept = g.node("Neg", {two});  // a graph output
  g.output(g.node("Mul", {x, large}));
  g.output(kept);
  const Graph graph = g.build();

  const Graph folded = fold_constants(graph);
  CHECK(folded.nodes().size() == 2);
  REQUIRE(folded.constant(large));
  CHECK(difference(*folded.constant(large), f32({4}, {4, 4, 4, 4})) == "");
  CHECK(graph.nodes().size() == 5);  // the input graph is left as it was

  const Graph small = fold_constants(graph, {.limit_bytes = 8});
  CHECK(small.nodes().size() == 3);  // the Expand stays

  const Tensor feed = ramp({4});
  for (const Graph& each : {graph, folded, small}) {
    const auto outputs = Session(each).run({{"x", feed}});
    CHECK(difference(outputs[0].tensor, ramp({4}, 0, 4)) == "");
    CHECK(difference(outputs[1].tensor, f32({}, {-2})) == "");
  }
}

TEST_CASE("run_node runs one node on given inputs", "[fold]") {
  GraphBuilder g;
  const auto x = g.input("x", {1});
  g.output(g.node("Clip", {x, kNone, x}));
  const Graph graph = g.build();
  const std::vector<Tensor> inputs = {f32({2}, {1, 9}), Tensor{}, f32({}, {5})};
  CHECK(difference(run_node(graph, graph.nodes()[0], inputs)[0], f32({2}, {1, 5})) == "");
}

}  // namespace
}  // namespace eightfold::test
