// Ranges of 8-bit values: from clamps, constants and ops that keep them; whole where nothing is
// known.
#include "ops/byte_ranges.h"

#include <catch_amalgamated.hpp>

#include "support/graph_builder.h"
#include "support/op_runner.h"

namespace eightfold::test {
namespace {

// The range of the only input of the last node, a Relu.
ByteRange range_before_last(Graph graph) {
  infer_types(graph);
  ByteRanges ranges(graph, [&](ValueId id) { return graph.constant(id); });
  ByteRange last;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    last = ranges.of_inputs(node)[0];
    ranges.visit(*find_op(graph, node), node);
  }
  return last;
}

TEST_CASE("byte ranges: what clamps, constants and keeping ops leave", "[session][ranges]") {
  const auto range = [](auto&& build) {
    GraphBuilder g;
    const auto x = g.input("x", {1, 2, 4, 4}, DType::kUint8);
    g.output(g.node("Relu", {build(g, x)}));
    return range_before_last(g.build());
  };
  const auto clip = [](GraphBuilder& g, ValueId x) {
    return g.node("Clip", {x, g.constant(u8({}, {3})), g.constant(u8({}, {127}))});
  };
  CHECK(range([](GraphBuilder&, ValueId x) { return x; }) == ByteRange{0, 255});
  CHECK(range(clip) == ByteRange{3, 127});
  // Ops that move bytes keep the range, with the zero that padding brings in.
  CHECK(range([&](GraphBuilder& g, ValueId x) {
          return g.node("Transpose", {clip(g, x)}, {{"perm", ints({0, 2, 3, 1})}});
        }) == ByteRange{0, 127});
  CHECK(range([&](GraphBuilder& g, ValueId x) {
          return g.node("Concat", {clip(g, x), x}, {{"axis", int64_t{1}}});
        }) == ByteRange{0, 255});
  CHECK(range([&](GraphBuilder& g, ValueId x) {
          const auto more = g.constant(u8({1, 1, 4, 4}, std::vector<uint8_t>(16, 200)));
          return g.node("Concat", {clip(g, x), more}, {{"axis", int64_t{1}}});
        }) == ByteRange{0, 200});
  // A padding value counts as well.
  CHECK(range([&](GraphBuilder& g, ValueId x) {
          return g.node("Pad", {clip(g, x), g.constant(i64({0, 0, 1, 1, 0, 0, 1, 1})),
                                g.constant(u8({}, {130}))});
        }) == ByteRange{0, 130});
}

TEST_CASE("byte ranges: the clamp of a lowered node", "[session][ranges]") {
  GraphBuilder g;
  const auto x = g.input("x", {1, 4}, DType::kUint8);
  const auto scale = g.constant(f32({}, {0.5f}));
  const auto zero = g.constant(u8({}, {0}));
  const auto sum = g.node("QLinearAdd", {x, scale, zero, x, scale, zero, scale, zero},
                          GraphBuilder::Extra{.attributes = {{"clamp_max", int64_t{127}}},
                                              .domain = std::string(kEightfoldDomain)});
  g.output(g.node("Relu", {sum}));
  CHECK(range_before_last(g.build()) == ByteRange{0, 127});
}

}  // namespace
}  // namespace eightfold::test
