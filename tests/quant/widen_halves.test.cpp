// A float16 model on the route: the int8 model is that of its float32 twin, the interface stays.
#include "quant/widen_halves.h"

#include <catch_amalgamated.hpp>

#include "ir/verify.h"
#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"
#include "support/routed.h"

namespace eightfold::test {
namespace {

// Numbers that float16 holds.
Tensor weights(Shape shape) { return cast(ramp(std::move(shape), -1, 0.0625f), DType::kFloat16); }

// x -> Conv -> Relu -> Conv -> y; constants and a cast say `dtype`.
Graph two_convs(DType dtype) {
  GraphBuilder g;
  const auto x = g.input("x", {1, 2, 6, 6}, dtype);
  const auto first = g.node("Conv", {x, g.constant(cast(weights({3, 2, 3, 3}), dtype), "w1"),
                                     g.constant(cast(weights({3}), dtype), "b1")});
  const auto same =
      g.node("Cast", {g.node("Relu", {first})}, {{"to", static_cast<int64_t>(dtype)}});
  g.output(g.node("Conv", {same, g.constant(cast(weights({2, 3, 1, 1}), dtype), "w2")}));
  return g.build();
}

int values_of(const Graph& graph, DType dtype) {
  int count = 0;
  for (ValueId id = 0; id < graph.value_count(); ++id) count += graph.value(id).type.dtype == dtype;
  return count;
}

TEST_CASE("widen_halves leaves 16-bit floats at the edges alone", "[quant][types]") {
  Graph graph = two_convs(DType::kFloat16);
  const Graph source = graph;
  REQUIRE(widen_halves(graph));
  verify(graph);
  CHECK(values_of(graph, DType::kFloat16) == 2);  // x and y
  CHECK(graph.value(graph.inputs[0]).type.dtype == DType::kFloat16);
  CHECK(graph.value(graph.outputs[0]).type.dtype == DType::kFloat16);
  CHECK(graph.value(graph.outputs[0]).name == source.value(source.outputs[0]).name);
  CHECK_FALSE(widen_halves(*std::make_unique<Graph>(two_convs(DType::kFloat32))));
  // The same numbers but for the rounding between the nodes, which is gone.
  const Feeds feeds = feeds_for(source);
  const Tensor got = Session(graph).run(feeds)[0].tensor;
  const Tensor want = Session(source).run(feeds)[0].tensor;
  CHECK(difference(cast(got, DType::kFloat32), cast(want, DType::kFloat32), {4e-3f, 4e-3f}) == "");
}

TEST_CASE("bodies are widened with what they capture", "[quant][types]") {
  Graph graph;
  graph.model().opsets[""] = 21;
  const ValueId x = graph.add_value("x", {DType::kFloat16, Dims{{2, {}}}, {}});
  const ValueId flag = graph.add_value("flag", {DType::kBool, Dims{}, {}});
  graph.inputs = {x, flag};
  Graph body = graph.make_body();
  const ValueId captured = body.add_captured("x", {DType::kFloat16, Dims{{2, {}}}, {}});
  const ValueId two = body.add_initializer("two", cast(f32({}, {2}), DType::kFloat16));
  const ValueId doubled = body.add_value("doubled", {DType::kFloat16, Dims{{2, {}}}, {}});
  Node mul;
  mul.op_type = "Mul";
  body.add_node(std::move(mul), {captured, two}, {doubled});
  body.outputs = {doubled};
  Node choice;
  choice.op_type = "If";
  const auto shared = std::make_shared<const Graph>(std::move(body));
  choice.set_attribute("then_branch", shared);
  choice.set_attribute("else_branch", shared);
  const ValueId y = graph.add_value("y", {DType::kFloat16, Dims{{2, {}}}, {}});
  const NodeId id = graph.add_node(std::move(choice), {flag}, {y});
  graph.set_captures(id, {x});
  graph.outputs = {y};
  verify(graph);

  REQUIRE(widen_halves(graph));
  verify(graph);
  const ValueId seen = graph.node(id).captures()[0];
  CHECK(graph.value(seen).type.dtype == DType::kFloat32);
  const auto& branch =
      *std::get<Attribute::GraphPtr>(graph.node(id).find_attribute("then_branch")->value);
  CHECK(values_of(branch, DType::kFloat16) == 0);
  CHECK(branch.find_value(graph.value(seen).name) != kNone);
  CHECK(branch.constant(branch.find_value("two"))->dtype() == DType::kFloat32);
  CHECK(values_of(*shared, DType::kFloat16) == 3);  // the source's body is its own
}

TEST_CASE("a float16 model quantizes as its float32 twin", "[quant][types]") {
  const DType dtype = GENERATE(DType::kFloat16, DType::kBfloat16);
  const Routed half = route(two_convs(dtype), route_options("exact8"));
  const Routed single = route(two_convs(DType::kFloat32), route_options("exact8"));
  CHECK(pairs(half.quantized) == pairs(single.quantized));
  CHECK(compute_ops(half.lowered).at("QLinearConv") == 2);
  CHECK(lowered_apart(half) == "");
  const Tensor y = Session(half.lowered).run(half.sample)[0].tensor;
  CHECK(y.dtype() == dtype);
}

}  // namespace
}  // namespace eightfold::test
