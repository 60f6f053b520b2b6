// Conv with a fused LeakyRelu or PRelu: fused, in float, in int8, and as plain ONNX.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "ir/text.h"
#include "ir/verify.h"
#include "onnx/onnx.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using namespace test;

BackendConfig backend_of(const std::string& op) {
  BackendConfig backend("test");
  BackendPatternConfig row;
  row.set_pattern({"Conv", op});
  row.set_fuser_method(op == "PRelu" ? "conv_prelu" : "conv_leaky_relu");
  backend.set_backend_pattern_config(row);
  return backend;
}

// x [2, 6, 5, 5] -> Conv to 6 channels -> op.
struct Sample {
  int64_t groups;
  std::optional<Tensor> slope;  // none: LeakyRelu
  std::string op() const { return slope ? "PRelu" : "LeakyRelu"; }

  Graph graph() const {
    GraphBuilder g;
    const ValueId x = g.input("x", {2, 6, 5, 5});
    const ValueId conv = g.node(
        "Conv", {x, g.constant(noise({6, 6 / groups, 3, 3})), g.constant(noise({6}))},
        std::vector<Attribute>{{"group", groups}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    std::vector<ValueId> inputs{conv};
    if (slope) inputs.push_back(g.constant(*slope));
    g.output(g.node(op(), inputs));
    return g.build();
  }
};

const Feeds kFeeds{{"x", noise({2, 6, 5, 5}, -2, 2, 9)}};

Tensor run(const Graph& graph) { return Session(graph).run(kFeeds)[0].tensor; }

TEST_CASE("LeakyRelu and PRelu become part of Conv", "[fuse][conv]") {
  const std::vector<float> six{0.25f, -0.5f, 0.0f, 1.0f, 1.5f, 0.01f};
  const std::vector<std::optional<Tensor>> slopes{std::nullopt, Tensor::of<float>({6, 1, 1}, six),
                                                  Tensor::of<float>({1, 6, 1, 1}, six),
                                                  f32({1}, {0.3f}), Tensor::scalar(0.3f)};
  for (int64_t groups : {1, 2, 6}) {
    for (const auto& slope : slopes) {
      const Sample sample{groups, slope};
      INFO(groups << " groups, " << (slope ? shape_text(slope->shape()) : "LeakyRelu"));
      const Graph graph = sample.graph(), fused = fuse(graph, backend_of(sample.op()));
      verify(fused);
      REQUIRE(fused.nodes().size() == 1);
      const Node& node = fused.node(fused.nodes()[0]);
      CHECK(node.is("Conv", kEightfoldDomain));
      CHECK(node.string_attribute("activation", "") == sample.op());
      CHECK(difference(run(fused), run(graph), kFloatMath) == "");
      const Graph plain = unfold(fused);
      verify(plain);
      CHECK(count_ops(plain, sample.op()) == 1);
      CHECK(difference(run(plain), run(graph), kFloatMath) == "");
    }
  }
}

TEST_CASE("slopes that are not of channels stay a PRelu", "[fuse][conv]") {
  const float nan = std::nanf("");
  for (const Tensor& slope : {noise({5}), noise({6, 5, 5}), noise({5, 1}), f32({1}, {nan})}) {
    INFO(shape_text(slope.shape()));
    const Graph graph = Sample{1, slope}.graph();
    Remarks remarks;
    const Graph fused = fuse(graph, backend_of("PRelu"), &remarks);
    CHECK(count_ops(fused, "PRelu") == 1);
    CHECK(count_ops(fused, "Conv") == 1);
    REQUIRE(remarks.size() == 1);
    CHECK(remarks[0].reason.find("one per channel") != std::string::npos);
  }
}

// With y in steps of 0.05 between -3 and 3, wide enough for some of it to saturate.
Graph converted(const Sample& sample) {
  Graph fused = fuse(sample.graph(), backend_of(sample.op()));
  const Node& node = fused.node(fused.nodes()[0]);
  const std::string y = fused.value(node.output(0)).name;
  HandPrepared hand(std::move(fused));
  hand.observe("x", 0.017f, 120).observe(y, 0.05f, 60).quantize(y);
  return convert(hand.model);
}

TEST_CASE("a fused slope is lowered into QLinearConv", "[lower][conv]") {
  const Tensor slopes = Tensor::of<float>({6, 1, 1}, {0.25f, -0.5f, 0.0f, 1.0f, 1.5f, 0.01f});
  for (int64_t groups : {1, 2, 6}) {
    for (const auto& slope : std::vector<std::optional<Tensor>>{std::nullopt, slopes}) {
      INFO(groups << " groups, " << (slope ? "PRelu" : "LeakyRelu"));
      const Sample sample{groups, slope};
      const Graph quantized = converted(sample);
      Remarks remarks;
      const Graph lowered = lower(quantized, &remarks);
      INFO(to_text(lowered));
      verify(lowered);
      CHECK(remarks.empty());
      REQUIRE(count_ops(lowered, "QLinearConv", "eightfold") == 1);
      // The float reference rounds its sums otherwise: one step apart at a tie.
      CHECK(difference(run(lowered), run(quantized), {0, 0.0501f}) == "");

      const Graph qdq = to_qdq(quantized), file = to_qoperator(lowered);
      verify(qdq);
      verify(file);
      CHECK(count_ops(qdq, sample.op()) == 1);
      CHECK(difference(run(qdq), run(quantized)) == "");
      CHECK(count_ops(file, "Conv") == 1);
      CHECK(count_ops(file, sample.op()) == 1);
      for (const Graph& saved : {qdq, file}) {
        const Graph again = lower(load_onnx(save_onnx(saved)));
        REQUIRE(count_ops(again, "QLinearConv", "eightfold") == 1);
        CHECK(difference(run(again), run(lowered)) == "");
      }
    }
  }
}

}  // namespace
}  // namespace eightfold
