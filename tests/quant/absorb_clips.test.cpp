// Clips that become clamps of the operator beside them: fewer nodes, the same bytes.
#include "quant/absorb_clips.h"

#include <catch_amalgamated.hpp>

#include "ops/op.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

ValueId clip(GraphBuilder& g, ValueId x, uint8_t lo, uint8_t hi) {
  return g.node("Clip", {x, g.constant(u8({}, {lo})), g.constant(u8({}, {hi}))});
}

// A QLinearConv of one tap, twice the input.
ValueId doubled(GraphBuilder& g, ValueId x) {
  const auto scale = g.constant(f32({}, {0.5f})), zero = g.constant(u8({}, {10}));
  return g.node("QLinearConv", {x, scale, zero, g.constant(s8({1, 1, 1, 1}, {2})),
                                g.constant(f32({}, {1.0f})), g.constant(s8({}, {0})), scale, zero});
}

Graph typed(GraphBuilder& g) {
  Graph graph = g.build();
  infer_types(graph);
  return graph;
}

size_t count(const Graph& graph) { return graph.nodes().size(); }

std::vector<uint8_t> run(const Graph& graph, const Tensor& x) {
  Session session{Graph(graph)};
  const auto outputs = session.run(std::vector<NamedTensor>{{"x", x}});
  const auto data = outputs[0].tensor.data<uint8_t>();
  return {data.begin(), data.end()};
}

TEST_CASE("absorb clips: an integer Clip after an operator with a twin", "[lower][clips]") {
  GraphBuilder g;
  const auto x = g.input("x", {1, 1, 1, 6}, DType::kUint8);
  g.output(clip(g, clip(g, doubled(g, x), 20, 127), 0, 100));
  Graph graph = typed(g);
  const Tensor bytes = u8({1, 1, 1, 6}, {0, 10, 15, 40, 70, 255});
  const auto before = run(graph, bytes);
  CHECK(before == std::vector<uint8_t>{20, 20, 20, 70, 100, 100});
  absorb_clips(graph);
  CHECK(count(graph) == 1);
  CHECK(run(graph, bytes) == before);
}

TEST_CASE("absorb clips: a float clamp before QuantizeLinear", "[lower][clips]") {
  for (const char* op : {"Clip", "Relu"}) {
    GraphBuilder g;
    const auto x = g.input("x", {7});
    const bool relu = op == std::string("Relu");
    const auto clamped =
        relu ? g.node("Relu", {x})
             : g.node("Clip", {x, g.constant(f32({}, {-1.1f})), g.constant(f32({}, {2.3f}))});
    g.output(
        g.node("QuantizeLinear", {clamped, g.constant(f32({}, {0.1f})), g.constant(u8({}, {30}))}));
    Graph graph = typed(g);
    const Tensor floats = f32({7}, {-100.0f, -1.15f, -0.96f, 0.0f, 1.26f, 2.34f, 1e9f});
    const auto before = run(graph, floats);
    absorb_clips(graph);
    CHECK(count(graph) == 1);
    CHECK(run(graph, floats) == before);
  }
}

TEST_CASE("absorb clips: what else reads the value between keeps it", "[lower][clips]") {
  GraphBuilder g;
  const auto x = g.input("x", {1, 1, 1, 6}, DType::kUint8);
  const auto y = doubled(g, x);
  g.output(clip(g, y, 20, 127));
  g.output(y);
  Graph graph = typed(g);
  absorb_clips(graph);
  CHECK(count(graph) == 2);
}

TEST_CASE("absorb clips: one that changes nothing goes", "[lower][clips]") {
  const auto left = [](uint8_t lo, uint8_t hi) {
    GraphBuilder g;
    const auto x = g.input("x", {1, 1, 1, 6}, DType::kUint8);
    const auto narrow = clip(g, doubled(g, x), 20, 127);
    const auto moved = g.node("Transpose", {narrow});
    g.output(g.node("Transpose", {clip(g, moved, lo, hi)}));
    Graph graph = typed(g);
    absorb_clips(graph);
    return count(graph);
  };
  CHECK(left(0, 127) == 3);
  // Zero is in the range of whatever moves bytes, as padding could bring it in.
  CHECK(left(20, 127) == 4);
  CHECK(left(0, 126) == 4);
}

}  // namespace
}  // namespace eightfold::test
