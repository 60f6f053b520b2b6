// Rewrites of one operator into others that have integer forms: equal numbers, and what is refused.
#include <catch_amalgamated.hpp>

#include "ir/verify.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using namespace test;

struct Rewritten {
  Graph graph;
  std::string reasons;  // of the remarks, one per line
};

Rewritten rewrite(const Graph& graph) {
  Remarks remarks;
  Rewritten result{fuse(graph, backend("onnxruntime"), &remarks), {}};
  verify(result.graph);
  for (const Remark& remark : remarks) result.reasons += remark.kind + ": " + remark.reason + "\n";
  return result;
}

std::string ops_of(const Graph& graph) {
  std::string ops;
  for (NodeId id : graph.nodes()) ops += (ops.empty() ? "" : " ") + graph.node(id).op_type;
  return ops;
}

void check_same_numbers(const Graph& before, const Graph& after, const Shape& shape,
                        Tolerance tolerance) {
  const Feeds feeds{{"x", noise(shape, -8, 8, 5)}};
  const auto want = Session(before).run(feeds), got = Session(after).run(feeds);
  REQUIRE(want.size() == got.size());
  CHECK(got[0].name == want[0].name);
  CHECK(difference(got[0].tensor, want[0].tensor, tolerance) == "");
}

// ---------------------------------------------------------------- HardSwish
TEST_CASE("HardSwish becomes products that have integer forms", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {-1, 3, 5});
  g.output(g.node("HardSwish", {x}, GraphBuilder::Extra{.name = "swish"}));
  const Graph graph = g.build();
  const auto [rewritten, reasons] = rewrite(graph);
  // Add and its Clip are one by then.
  CHECK(ops_of(rewritten) == "Add Mul Mul");
  CHECK(rewritten.node(rewritten.nodes().back()).name == "swish");
  CHECK(reasons.starts_with("rewritten: hard_swish_as_products: HardSwish 'swish' was rewritten"));
  check_same_numbers(graph, rewritten, {2, 3, 5}, kFloatSums);
}

TEST_CASE("HardSwish between convolutions runs on integers as a whole", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 6, 6});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({3, 2, 3, 3}))});
  const ValueId swish = g.node("HardSwish", {conv});
  g.output(g.node("Conv", {swish, g.constant(noise({2, 3, 3, 3}))}));
  const Graph fused = rewrite(g.build()).graph;
  const PreparedModel prepared =
      prepare(fused, get_default_qconfig_mapping("onnxruntime"), backend("onnxruntime"));
  for (NodeId id : fused.nodes()) {
    INFO(fused.node(id).op_type << ": " << prepared.plans.at(id).reason);
    CHECK(prepared.plans.at(id).quantized);
  }
}

// ---------------------------------------------------------------- ReduceMean
struct MeanCase {
  const char* what;
  int64_t opset;
  Shape input;
  std::vector<int64_t> axes;
  int64_t keepdims;
  const char* ops;  // that remain
};
const MeanCase kMeans[] = {
    {"as TensorFlow exports it", 13, {2, 3, 4, 5}, {2, 3}, 1, "GlobalAveragePool"},
    {"counted from the end, in another order", 13, {2, 3, 4, 5}, {-1, -2}, 1, "GlobalAveragePool"},
    {"without the reduced axes", 13, {2, 3, 4, 5}, {2, 3}, 0, "GlobalAveragePool Flatten"},
    {"axes as an input", 18, {2, 3, 4, 5}, {2, 3}, 1, "GlobalAveragePool"},
    {"axes as an input, without them", 18, {2, 3, 4, 5}, {3, 2}, 0, "GlobalAveragePool Flatten"},
    {"one spatial axis", 13, {2, 3, 7}, {2}, 0, "GlobalAveragePool Flatten"},
    {"three", 18, {1, 2, 3, 2, 4}, {2, 3, 4}, 1, "GlobalAveragePool"},
    {"the channels", 13, {2, 3, 4, 5}, {1}, 1, "ReduceMean"},
    {"one spatial axis of two", 13, {2, 3, 4, 5}, {3}, 1, "ReduceMean"},
    {"the batch as well", 13, {2, 3, 4, 5}, {0, 2, 3}, 1, "ReduceMean"},
    {"all axes, for none is named", 13, {2, 3, 4, 5}, {}, 1, "ReduceMean"},
    {"a matrix", 13, {4, 5}, {1}, 1, "ReduceMean"},
};

TEST_CASE("ReduceMean over all spatial axes becomes GlobalAveragePool", "[fuse]") {
  for (const MeanCase& row : kMeans) {
    INFO(row.what);
    GraphBuilder g(row.opset);
    Shape free_batch = row.input;
    free_batch[0] = -1;
    const ValueId x = g.input("x", free_batch);
    std::vector<Attribute> attributes{{"keepdims", row.keepdims}};
    std::vector<ValueId> inputs{x};
    if (row.opset >= 18) {
      inputs.push_back(g.constant(i64(row.axes)));
    } else if (!row.axes.empty()) {
      attributes.push_back({"axes", row.axes});
    }
    g.output(g.node("ReduceMean", inputs, attributes));
    const Graph graph = g.build();
    const auto [rewritten, reasons] = rewrite(graph);
    CHECK(ops_of(rewritten) == row.ops);
    const bool refused = std::string(row.ops) == "ReduceMean";
    CHECK(reasons.starts_with(refused ? "not_fused: reduce_mean_as_global_average_pool: it takes "
                                        "the mean over other axes than the spatial ones"
                                      : "rewritten: "));
    check_same_numbers(graph, rewritten, row.input, kFloatSums);
  }
}

TEST_CASE("ReduceMean whose axes or rank are not known stays", "[fuse]") {
  GraphBuilder g(18);
  const ValueId x = g.input("x", {2, 3, 4, 5});
  const ValueId axes = g.input("axes", {2}, DType::kInt64);
  g.output(g.node("ReduceMean", {x, axes}));
  CHECK(rewrite(g.build()).reasons ==
        "not_fused: reduce_mean_as_global_average_pool: its axes are computed\n");

  GraphBuilder h(13);
  const ValueId y = h.input("x", {2, 3});
  h.graph().value(y).type.dims.reset();
  h.output(h.node("ReduceMean", {y}, {{"axes", ints({2, 3})}}));
  CHECK(rewrite(h.build()).reasons ==
        "not_fused: reduce_mean_as_global_average_pool: the rank of its input is not known\n");
}

// ---------------------------------------------------------------- Sub
TEST_CASE("Sub of a constant becomes Add", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {2, 3, 4});
  const ValueId c = g.constant(noise({3, 1}), "mean");
  g.output(g.node("Sub", {x, c}));
  const Graph graph = g.build();
  const auto [rewritten, reasons] = rewrite(graph);
  CHECK(ops_of(rewritten) == "Add");
  CHECK(reasons == "rewritten: sub_const_as_add: Sub 'Sub_0' was rewritten\n");
  check_same_numbers(graph, rewritten, {2, 3, 4}, kExact);
}

TEST_CASE("Sub of a constant behind a layer is its bias then", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({3, 2, 3, 3}))});
  g.output(g.node("Sub", {conv, g.constant(noise({3, 1, 1}))}));
  const Graph graph = g.build();
  const Graph rewritten = rewrite(graph).graph;
  CHECK(ops_of(rewritten) == "Conv");
  check_same_numbers(graph, rewritten, {1, 2, 5, 5}, kFloatSums);
}

TEST_CASE("a constant that is shared keeps its sign for others", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {2, 3});
  const ValueId c = g.constant(noise({3}), "c");
  g.output(g.node("Div", {g.node("Sub", {x, c}), c}));
  const Graph graph = g.build();
  const Graph rewritten = rewrite(graph).graph;
  CHECK(ops_of(rewritten) == "Add Div");
  check_same_numbers(graph, rewritten, {2, 3}, kExact);
}

TEST_CASE("other differences stay", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {2, 3}), y = g.input("y", {2, 3});
  SECTION("of two values, which no rewrite is meant for") {
    g.output(g.node("Sub", {x, y}));
    CHECK(rewrite(g.build()).reasons.empty());
  }
  SECTION("from a constant") {
    g.output(g.node("Sub", {g.constant(noise({3})), x}));
    CHECK(rewrite(g.build()).reasons ==
          "not_fused: sub_const_as_add: it subtracts from a constant\n");
  }
  SECTION("of a default that a caller may override") {
    // A weight that is not listed says that the listing means something.
    const ValueId product = g.node("MatMul", {x, g.constant(noise({3, 3}), "w")});
    g.output(g.node("Sub", {g.node("Tanh", {product}), g.constant(noise({3}), "c")}));
    Graph graph = g.build();
    graph.inputs.push_back(graph.find_value("c"));
    CHECK(rewrite(graph).reasons ==
          "not_fused: sub_const_as_add: the constant is a graph input that a caller may "
          "override\n");
  }
  SECTION("of integers") {
    const ValueId n = g.input("n", {2}, DType::kInt64);
    g.output(g.node("Sub", {n, g.constant(i64({1, 2}))}));
    CHECK(rewrite(g.build()).reasons ==
          "not_fused: sub_const_as_add: the constant is int64, not float32\n");
  }
}

}  // namespace
}  // namespace eightfold
