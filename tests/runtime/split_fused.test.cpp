// What onnxruntime fused, taken apart again: the same numbers as the plain graph, and plain
// operators for the patterns of a backend.
#include <catch_amalgamated.hpp>

#include "ops/split_fused.h"
#include "quant/backend_config.h"
#include "quant/route.h"
#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr Tolerance kNear{1e-6f, 1e-6f};

Tensor run_graph(const Graph& graph, const Tensor& x) {
  Session session{Graph(graph)};
  return session.run({{"x", x}})[0].tensor;
}

std::vector<std::string> op_types(const Graph& graph) {
  std::vector<std::string> types;
  for (const NodeId id : graph.nodes()) types.push_back(graph.node(id).op_type);
  return types;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("FusedConv is a Conv, a sum and an activation", "[runtime][split]") {
  const Tensor x = random_tensor({1, 3, 5, 5}, 1), w = random_tensor({4, 3, 3, 3}, 2),
               b = random_tensor({4}, 3), z = random_tensor({1, 4, 5, 5}, 4);
  struct Row {
    std::string activation;
    std::vector<float> params;
    bool residual;
    Names parts;
  };
  for (const Row& row : {Row{"Relu", {}, false, {"Conv", "Relu"}},
                         Row{"LeakyRelu", {0.3f}, false, {"Conv", "LeakyRelu"}},
                         Row{"Clip", {-0.5f, 0.25f}, false, {"Conv", "Clip"}},
                         Row{"HardSigmoid", {0.3f, 0.4f}, false, {"Conv", "HardSigmoid"}},
                         Row{"Relu", {}, true, {"Conv", "Add", "Relu"}},
                         Row{"", {}, true, {"Conv", "Add"}}, Row{"", {}, false, {"Conv"}}}) {
    CAPTURE(row.activation, row.residual);
    GraphBuilder g(13);
    g.opset("com.microsoft", 1);
    const ValueId in = g.input("x", x.shape());
    std::vector<ValueId> inputs{in, g.constant(w), g.constant(b)};
    if (row.residual) inputs.push_back(g.constant(z));
    std::vector<Attribute> attributes{{"pads", ints({1, 1, 1, 1})}};
    if (!row.activation.empty()) attributes.push_back({"activation", row.activation});
    if (!row.params.empty()) attributes.push_back({"activation_params", row.params});
    g.output(g.node("FusedConv", inputs, {attributes, "com.microsoft"}));
    const Graph graph = g.build();

    Tensor want = run_op(
        {.op = "Conv", .attributes = {{"pads", ints({1, 1, 1, 1})}}, .inputs = {x, w, b}})[0];
    if (row.residual) want = run_op({.op = "Add", .inputs = {want, z}})[0];
    OpCase activation{.op = row.activation, .inputs = {want}};
    if (row.activation == "Clip") {
      activation.inputs.push_back(Tensor::scalar(row.params[0]));
      activation.inputs.push_back(Tensor::scalar(row.params[1]));
    } else if (!row.params.empty()) {
      activation.attributes.push_back({"alpha", row.params[0]});
      if (row.params.size() > 1) activation.attributes.push_back({"beta", row.params[1]});
    }
    if (!row.activation.empty()) want = run_op(activation)[0];
    CHECK(difference(run_graph(graph, x), want, kNear) == "");

    Graph split(graph);
    CHECK(split_fused(split) == 1);
    CHECK(op_types(split) == row.parts);
  }
}

TEST_CASE("A FusedConv with Relu fuses as if it had been plain", "[runtime][split]") {
  GraphBuilder g(13);
  g.opset("com.microsoft", 1);
  const ValueId in = g.input("x", {1, 3, 5, 5});
  g.output(g.node("FusedConv", {in, g.constant(random_tensor({4, 3, 3, 3}, 2))},
                  {{{"activation", std::string("Relu")}}, "com.microsoft"}));
  const Graph fused = fuse(g.build(), backend("exact8"));
  REQUIRE(fused.nodes().size() == 1);
  const Node& node = fused.node(fused.nodes()[0]);
  CHECK(node.domain == kEightfoldDomain);
  CHECK(node.op_type == "Conv");
}

TEST_CASE("FusedMatMul and FusedGemm are products of plain operators", "[runtime][split]") {
  const bool trans_a = GENERATE(true, false), trans_b = GENERATE(true, false);
  const float alpha = GENERATE(1.0f, 0.5f);
  const Tensor x = random_tensor(trans_a ? Shape{2, 4, 3} : Shape{2, 3, 4}, 1);
  const Tensor w = random_tensor(trans_b ? Shape{5, 4} : Shape{4, 5}, 2);
  GraphBuilder g(13);
  g.opset("com.microsoft", 1);
  const ValueId in = g.input("x", x.shape());
  g.output(g.node("FusedMatMul", {in, g.constant(w)},
                  {{{"transA", int64_t{trans_a}}, {"transB", int64_t{trans_b}}, {"alpha", alpha}},
                   "com.microsoft"}));
  const Tensor got = run_graph(g.build(), x);
  REQUIRE(got.shape() == Shape{2, 3, 5});
  for (int64_t i = 0; i < 30; ++i) {
    double sum = 0;
    for (int64_t k = 0; k < 4; ++k) {
      const int64_t b = i / 15, m = i / 5 % 3, n = i % 5;
      const int64_t left = b * 12 + (trans_a ? k * 3 + m : m * 4 + k);
      const int64_t right = trans_b ? n * 4 + k : k * 5 + n;
      sum += static_cast<double>(x.data<float>()[static_cast<size_t>(left)]) *
             w.data<float>()[static_cast<size_t>(right)];
    }
    CHECK(got.data<float>()[static_cast<size_t>(i)] == Catch::Approx(alpha * sum).margin(1e-6));
  }

  if (trans_a) return;
  const Tensor row = random_tensor({3, 4}, 3), bias = random_tensor({5}, 4);
  GraphBuilder f(13);
  f.opset("com.microsoft", 1);
  const ValueId feed = f.input("x", row.shape());
  const std::vector<Attribute> shared{{"transB", int64_t{trans_b}}, {"alpha", alpha}};
  std::vector<Attribute> fused = shared;
  fused.push_back({"activation", std::string("LeakyRelu")});
  fused.push_back({"activation_alpha", 0.2f});
  f.output(f.node("FusedGemm", {feed, f.constant(w), f.constant(bias)}, {fused, "com.microsoft"}));
  const Tensor plain = run_op({.op = "Gemm", .attributes = shared, .inputs = {row, w, bias}})[0];
  const Tensor want =
      run_op({.op = "LeakyRelu", .attributes = {{"alpha", 0.2f}}, .inputs = {plain}})[0];
  CHECK(difference(run_graph(f.build(), row), want, kNear) == "");
}
