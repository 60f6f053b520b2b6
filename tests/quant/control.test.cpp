// Nodes with bodies on the route: they stay float, and what is around them is quantized.
#include <catch_amalgamated.hpp>

#include "runtime/session.h"
#include "support/bodies.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/routed.h"

namespace eightfold::test {
namespace {

TEST_CASE("layers around an If are quantized, its branches stay float", "[control][route]") {
  GraphBuilder g;
  const auto x = g.input("x", {2, 8});
  const auto w = g.constant(ramp({8, 8}, -1, 1.0f / 32));
  const auto hidden = g.node("MatMul", {x, w});
  const auto sum = g.node("ReduceSum", {x}, {{"keepdims", int64_t{0}}});
  const auto condition = g.node("Greater", {sum, g.constant(f32({}, {0}))});
  BodyBuilder a(g.graph(), "a_"), b(g.graph(), "b_");
  a.output(a.node("MatMul", {a.capture(hidden), a.capture(w)}));
  b.output(b.node("Neg", {b.capture(hidden)}));
  const auto chosen =
      add_control(g, "If", {condition}, 1, {{"then_branch", &a}, {"else_branch", &b}});
  g.output(g.node("MatMul", {chosen[0], w}));
  const Graph graph = g.build();
  const Routed routed = route(graph, route_options("native"));
  CHECK(compute_ops(routed.lowered).at("If") == 1);
  CHECK(compute_ops(routed.lowered).at("QLinearMatMul") == 2);
  const auto want = Session(graph).run(routed.sample);
  const auto got = Session(routed.lowered).run(routed.sample);
  CHECK(difference(got[0].tensor, want[0].tensor, {0.05f, 0.5f}) == "");
}

}  // namespace
}  // namespace eightfold::test
