// fuse: what becomes one, with equal numbers and a verified graph each time.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/verify.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using namespace test;

// Parameters of a BatchNormalization of `channels`, positive variances.
std::vector<ValueId> norm_inputs(GraphBuilder& g, ValueId x, int64_t channels) {
  return {x, g.constant(noise({channels}, 0.5f, 1.5f, 11)),
          g.constant(noise({channels}, -1, 1, 12)), g.constant(noise({channels}, -1, 1, 13)),
          g.constant(noise({channels}, 0.1f, 2, 14))};
}

struct FuseCase {
  const char* what;
  std::string fuser;  // expected to be applied `times`
  int times;
  std::string op;  // identity of the one layer that remains
  size_t nodes;    // that remain
  Graph (*build)();
};

Attribute pads(std::vector<int64_t> values) { return {"pads", std::move(values)}; }

Graph conv_bn_relu() {
  GraphBuilder g;
  const ValueId x = g.input("x", {-1, 3, 6, 6});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({4, 3, 3, 3})), g.constant(noise({4}))});
  g.output(g.node("Relu", {g.node("BatchNormalization", norm_inputs(g, conv, 4))}));
  return g.build();
}

Graph bn_conv_grouped() {
  GraphBuilder g;
  const ValueId x = g.input("x", {-1, 4, 6, 6});
  const ValueId norm = g.node("BatchNormalization", norm_inputs(g, x, 4));
  g.output(g.node("Conv", {norm, g.constant(noise({6, 2, 3, 3})), g.constant(noise({6}))},
                  {{"group", int64_t{2}}}));
  return g.build();
}

// Zeros that the Conv pads with stay zeros where the norm does not shift.
Graph bn_without_shift_conv_padded() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId zeros = g.constant(Tensor::of<float>({3}, {0, 0, 0}));
  const ValueId gamma = g.constant(noise({3}, 0.5f, 1.5f)), variance = g.constant(noise({3}, 1, 2));
  const ValueId norm = g.node("BatchNormalization", {x, gamma, zeros, zeros, variance});
  g.output(g.node("Conv", {norm, g.constant(noise({4, 3, 3, 3}))}, {pads({1, 1, 1, 1})}));
  return g.build();
}

Graph matmul_bn() {
  GraphBuilder g;
  const ValueId x = g.input("x", {-1, 5});
  const ValueId product = g.node("MatMul", {x, g.constant(noise({5, 3}))});
  g.output(g.node("BatchNormalization", norm_inputs(g, product, 3)));
  return g.build();
}

Graph conv_bn_without_bias_grouped() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 4, 5, 5});
  const ValueId conv =
      g.node("Conv", {x, g.constant(noise({6, 2, 3, 3}))}, {{"group", int64_t{2}}});
  g.output(g.node("BatchNormalization", norm_inputs(g, conv, 6)));
  return g.build();
}

Graph convtranspose_bn_grouped() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 4, 5, 5});
  const ValueId conv =
      g.node("ConvTranspose", {x, g.constant(noise({4, 3, 2, 2})), g.constant(noise({6}))},
             {{"group", int64_t{2}}, {"strides", std::vector<int64_t>{2, 1}}});
  g.output(g.node("Relu", {g.node("BatchNormalization", norm_inputs(g, conv, 6))}));
  return g.build();
}

template <int kTransposed>
Graph gemm_bn() {
  GraphBuilder g;
  const ValueId x = g.input("x", {-1, 5});
  const Shape shape = kTransposed ? Shape{3, 5} : Shape{5, 3};
  const ValueId gemm = g.node("Gemm", {x, g.constant(noise(shape)), g.constant(noise({1, 3}))},
                              {{"transB", int64_t{kTransposed}}, {"alpha", 0.5f}, {"beta", 2.0f}});
  g.output(g.node("BatchNormalization", norm_inputs(g, gemm, 3)));
  return g.build();
}

// As CNTK writes it: the bias is an Add of [C, 1, 1].
template <int kConstantFirst>
Graph conv_add_relu() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({3, 2, 3, 3}))});
  const ValueId c = g.constant(noise({3, 1, 1}));
  const std::vector<ValueId> sum = kConstantFirst ? std::vector{c, conv} : std::vector{conv, c};
  g.output(g.node("Relu", {g.node("Add", sum)}));
  return g.build();
}

Graph conv_mul_scalar() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({3, 2, 3, 3})), g.constant(noise({3}))});
  g.output(g.node("Mul", {conv, g.constant(Tensor::scalar(0.25f))}));
  return g.build();
}

template <int kRankOfBias>
Graph matmul_add_relu() {
  GraphBuilder g;
  const ValueId x = g.input("x", {-1, 5});
  const ValueId product = g.node("MatMul", {x, g.constant(noise({5, 3}))});
  const Shape shape = kRankOfBias == 0 ? Shape{} : kRankOfBias == 1 ? Shape{3} : Shape{1, 3};
  g.output(g.node("Relu", {g.node("Add", {g.constant(noise(shape)), product})}));
  return g.build();
}

Graph relu6_after_conv() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({3, 2, 3, 3}, -4, 4))});
  g.output(
      g.node("Clip", {conv, g.constant(Tensor::scalar(0.0f)), g.constant(Tensor::scalar(6.0f))}));
  return g.build();
}

Graph relu6_by_attributes() {
  GraphBuilder g(10);
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({3, 2, 3, 3}, -4, 4))});
  g.output(g.node("Clip", {conv}, {{"min", 0.0f}, {"max", 6.0f}}));
  return g.build();
}

Graph padded_conv_relu() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId padded = g.node("Pad", {x, g.constant(i64({0, 0, 1, 2, 0, 0, 3, 0}))});
  const ValueId conv =
      g.node("Conv", {padded, g.constant(noise({3, 2, 3, 3}))}, {pads({1, 1, 1, 1})});
  g.output(g.node("Relu", {conv}));
  return g.build();
}

Graph pad_with_axes() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId padded = g.node("Pad", {x, g.constant(i64({1, 2})), kNone, g.constant(i64({-1}))});
  g.output(g.node("Conv", {padded, g.constant(noise({3, 2, 3, 3}))}));
  return g.build();
}

Graph residual_add_relu() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 5, 5});
  const ValueId y = g.input("y", {1, 3, 5, 5});
  g.output(g.node("Relu", {g.node("Add", {x, y})}));
  return g.build();
}

Graph mul_clip() {
  GraphBuilder g;
  const ValueId x = g.input("x", {2, 3});
  const ValueId y = g.input("y", {2, 3});
  g.output(g.node("Clip", {g.node("Mul", {x, y}), kNone, g.constant(Tensor::scalar(0.25f))}));
  return g.build();
}

// Identity and Dropout stand in the way of every pattern.
Graph through_identities() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId w = g.node("Identity", {g.constant(noise({3, 2, 3, 3}))});
  const ValueId conv = g.node("Identity", {g.node("Conv", {x, w})});
  const ValueId norm = g.node("Dropout", {g.node("BatchNormalization", norm_inputs(g, conv, 3))});
  g.output(g.node("Identity", {g.node("Relu", {norm})}));
  return g.build();
}

const FuseCase kCases[] = {
    {"Conv, BatchNormalization, Relu; free batch", "conv_bn_relu", 1, "eightfold:Conv", 1,
     conv_bn_relu},
    {"no bias, two groups", "conv_bn", 1, "Conv", 1, conv_bn_without_bias_grouped},
    {"grouped ConvTranspose: channels lie group by group", "convtranspose_bn_relu", 1,
     "eightfold:ConvTranspose", 1, convtranspose_bn_grouped},
    {"BatchNormalization, Conv; groups", "bn_conv", 1, "Conv", 1, bn_conv_grouped},
    {"BatchNormalization without shift, Conv that pads", "bn_conv", 1, "Conv", 1,
     bn_without_shift_conv_padded},
    {"MatMul, BatchNormalization", "matmul_bn", 1, "Gemm", 1, matmul_bn},
    {"Gemm by columns, alpha and beta", "linear_bn", 1, "Gemm", 1, gemm_bn<0>},
    {"Gemm by rows, alpha and beta", "linear_bn", 1, "Gemm", 1, gemm_bn<1>},
    {"Add of a constant is the bias", "conv_add_const", 1, "eightfold:Conv", 1, conv_add_relu<0>},
    {"the constant comes first", "conv_add_const", 1, "eightfold:Conv", 1, conv_add_relu<1>},
    {"Mul by a scalar", "conv_mul_const", 1, "Conv", 1, conv_mul_scalar},
    {"MatMul and a vector", "matmul_add", 1, "eightfold:Gemm", 1, matmul_add_relu<1>},
    {"MatMul and a row", "matmul_add", 1, "eightfold:Gemm", 1, matmul_add_relu<2>},
    {"MatMul and a scalar", "matmul_add", 1, "eightfold:Gemm", 1, matmul_add_relu<0>},
    {"Relu6", "conv_clip", 1, "eightfold:Conv", 1, relu6_after_conv},
    {"Relu6 before opset 11", "conv_clip", 1, "eightfold:Conv", 1, relu6_by_attributes},
    {"Pad, on top of the Conv's own pads", "pad_into_conv", 1, "eightfold:Conv", 1,
     padded_conv_relu},
    {"Pad of one axis", "pad_into_conv", 1, "Conv", 1, pad_with_axes},
    {"Add of two values", "add_relu", 1, "eightfold:Add", 1, residual_add_relu},
    {"Mul and one bound", "mul_clip", 1, "eightfold:Mul", 1, mul_clip},
    {"through Identity and Dropout", "conv_bn_relu", 1, "eightfold:Conv", 1, through_identities},
};

Feeds feeds_for(const Graph& graph) {
  Feeds feeds;
  uint32_t seed = 100;
  for (ValueId id : graph.required_inputs()) {
    Shape shape;
    for (const Dim& dim : *graph.value(id).type.dims) shape.push_back(dim.known() ? dim.value : 2);
    feeds.push_back({graph.value(id).name, noise(shape, -2, 2, ++seed)});
  }
  return feeds;
}

void check_same_numbers(const Graph& before, const Graph& after) {
  const Feeds feeds = feeds_for(before);
  const auto want = Session(before).run(feeds), got = Session(after).run(feeds);
  REQUIRE(want.size() == got.size());
  for (size_t i = 0; i < want.size(); ++i) {
    CHECK(got[i].name == want[i].name);
    CHECK(difference(got[i].tensor, want[i].tensor, kFloatSums) == "");
  }
}

TEST_CASE("fusions keep the numbers", "[fuse]") {
  for (const FuseCase& row : kCases) {
    INFO(row.what);
    const Graph graph = row.build();
    Remarks remarks;
    const Graph fused = fuse(graph, backend("wasm"), &remarks);
    verify(fused);
    CHECK(fused.stage == Stage::kFused);
    CHECK(std::count_if(remarks.begin(), remarks.end(), [&](const Remark& r) {
            return r.kind == "fused" && r.reason.starts_with(row.fuser + ":");
          }) == row.times);
    CHECK(fused.nodes().size() == row.nodes);
    const Node& last = fused.node(fused.nodes().back());
    CHECK((last.domain.empty() ? last.op_type : last.domain + ":" + last.op_type) == row.op);
    check_same_numbers(graph, fused);
    verify(graph);  // as it was
  }
}

TEST_CASE("the fused node keeps the root's name and the anchor's value", "[fuse]") {
  const Graph graph = conv_bn_relu();
  const Graph fused = fuse(graph, backend("wasm"));
  const Node& node = fused.node(fused.nodes()[0]);
  CHECK(node.name == "Conv_0");
  CHECK(fused.value(node.output(0)).name == graph.value(graph.outputs[0]).name);
  CHECK(node.string_attribute("activation", "") == "Relu");
}

TEST_CASE("Relu6 becomes a Clip with both bounds", "[fuse]") {
  const Graph fused = fuse(relu6_after_conv(), backend("wasm"));
  const Node& node = fused.node(fused.nodes()[0]);
  CHECK(node.string_attribute("activation", "") == "Clip");
  CHECK(node.float_attribute("activation_min", -1) == 0.0f);
  CHECK(node.float_attribute("activation_max", -1) == 6.0f);
}

TEST_CASE("a shared weight stays as it is for others", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId w = g.constant(noise({3, 3, 3, 3}), "w");
  const Attribute same = pads({1, 1, 1, 1});
  const ValueId first = g.node("Conv", {x, w}, {same});
  const ValueId second = g.node("Conv", {x, w}, {same});
  g.output(g.node("BatchNormalization", norm_inputs(g, first, 3)));
  g.output(g.node("BatchNormalization", norm_inputs(g, second, 3)));
  g.output(g.node("Conv", {x, w}, {same}));
  const Graph graph = g.build();
  const Graph fused = fuse(graph, backend("wasm"));
  CHECK(fused.nodes().size() == 3);
  check_same_numbers(graph, fused);
}

TEST_CASE("fusing twice changes nothing more", "[fuse]") {
  const Graph once = fuse(padded_conv_relu(), backend("wasm"));
  Remarks remarks;
  const Graph twice = fuse(once, backend("wasm"), &remarks);
  CHECK(remarks.empty());
  CHECK(twice.nodes().size() == once.nodes().size());
}

TEST_CASE("a graph that is quantized already is refused", "[fuse]") {
  Graph graph = conv_bn_relu();
  graph.stage = Stage::kQuantized;
  CHECK_THROWS_AS(fuse(graph, backend("wasm")), Error);
}

TEST_CASE("a backend without fusers fuses nothing", "[fuse]") {
  const Graph fused = fuse(conv_bn_relu(), BackendConfig("bare"));
  CHECK(fused.nodes().size() == 3);
}

}  // namespace
}  // namespace eightfold
