// fuse: what must stay apart, with the reason in the report.
#include <catch_amalgamated.hpp>

#include "ir/verify.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using namespace test;

struct Model {
  GraphBuilder g;
  ValueId x = g.input("x", {1, 2, 5, 5});
  ValueId w = g.constant(noise({3, 2, 3, 3}), "w");
  ValueId ones = g.constant(f32({3}, {1, 1, 1}), "ones");

  ValueId conv() { return g.node("Conv", {x, w}); }
  ValueId norm(ValueId of, std::vector<Attribute> attributes = {}) {
    return g.node("BatchNormalization", {of, ones, ones, ones, ones}, std::move(attributes));
  }
  // The reasons of all refusals, one per line.
  std::string refusals() {
    Remarks remarks;
    const Graph fused = fuse(g.graph(), backend("wasm"), &remarks);
    verify(fused);
    CHECK(fused.nodes().size() == g.graph().nodes().size());
    std::string text;
    for (const Remark& remark : remarks) {
      CHECK(remark.kind == "not_fused");
      text += remark.reason + "\n";
    }
    return text;
  }
};

TEST_CASE("two users of the value inside", "[fuse]") {
  Model m;
  const ValueId conv = m.conv();
  m.g.output(m.norm(conv));
  m.g.output(m.g.node("Abs", {conv}));
  CHECK(m.refusals() == "conv_bn: the value 'Conv_0_0' has 2 users\n");
}

TEST_CASE("the value inside is a graph output", "[fuse]") {
  Model m;
  const ValueId conv = m.conv();
  m.g.output(conv);
  m.g.output(m.g.node("Relu", {conv}));
  CHECK(m.refusals() ==
        "conv_relu: the value 'Conv_0_0' has 2 users, the graph's outputs among them\n");
}

TEST_CASE("one reason is told once, for the smallest pattern", "[fuse]") {
  Model m;
  m.g.output(m.g.node("Relu", {m.norm(m.conv(), {{"training_mode", int64_t{1}}})}));
  CHECK(m.refusals() == "conv_bn: BatchNormalization is in training mode\n");
}

TEST_CASE("BatchNormalization before a Conv that pads", "[fuse]") {
  Model m;
  const ValueId ones = m.g.constant(f32({2}, {1, 1}));
  const ValueId norm = m.g.node("BatchNormalization", {m.x, ones, ones, ones, ones});
  m.g.output(m.g.node("Conv", {norm, m.w}, {{"pads", std::vector<int64_t>{0, 1, 0, 1}}}));
  CHECK(m.refusals() == "bn_conv: Conv pads with zeros, which BatchNormalization does not shift\n");
}

TEST_CASE("BatchNormalization that is not foldable", "[fuse]") {
  SECTION("running statistics are outputs") {
    Model m;
    m.g.graph().model().opsets[""] = 9;
    const ValueId conv = m.conv();
    const auto outputs =
        m.g.nodes("BatchNormalization", {conv, m.ones, m.ones, m.ones, m.ones}, 5, {});
    for (ValueId output : outputs) m.g.output(output);
    CHECK(m.refusals() == "conv_bn: BatchNormalization is in training mode\n");
  }
  SECTION("before opset 7 training is the default") {
    Model m;
    m.g.graph().model().opsets[""] = 6;
    m.g.output(m.norm(m.conv()));
    CHECK(m.refusals() == "conv_bn: BatchNormalization is in training mode\n");
  }
  SECTION("a variance below zero") {
    Model m;
    const ValueId negative = m.g.constant(f32({3}, {1, -1, 1}));
    m.g.output(m.g.node("BatchNormalization", {m.conv(), m.ones, m.ones, m.ones, negative}));
    CHECK(m.refusals() == "conv_bn: a variance of BatchNormalization is not positive\n");
  }
  SECTION("a computed scale") {
    Model m;
    const ValueId scale = m.g.input("scale", {3});
    m.g.output(m.g.node("BatchNormalization", {m.conv(), scale, m.ones, m.ones, m.ones}));
    CHECK(m.refusals().find("takes 2 computed inputs") != std::string::npos);
  }
}

TEST_CASE("weights that are not constant", "[fuse]") {
  SECTION("computed") {
    Model m;
    const ValueId w = m.g.input("weight", {3, 2, 3, 3});
    m.g.output(m.norm(m.g.node("Conv", {m.x, w})));
    CHECK(m.refusals() == "conv_bn: the weight 'weight' is computed, not constant\n");
  }
  SECTION("a default that a caller may override") {
    Model m;
    m.g.graph().inputs.push_back(m.w);
    m.g.output(m.norm(m.conv()));
    CHECK(m.refusals() == "conv_bn: the weight 'w' is a graph input that a caller may override\n");
  }
  SECTION("an overridable parameter of the norm") {
    Model m;
    m.g.graph().inputs.push_back(m.ones);
    m.g.output(m.norm(m.conv()));
    CHECK(m.refusals().find("that no caller can override") != std::string::npos);
  }
}

TEST_CASE("listed weights are constants where the format or the habit lists them all", "[fuse]") {
  for (int64_t ir_version : {3, 8}) {
    INFO("IR version " << ir_version);
    Model m;
    m.g.graph().inputs.push_back(m.w);
    m.g.graph().inputs.push_back(m.ones);
    m.g.graph().model().ir_version = ir_version;
    m.g.output(m.norm(m.conv()));
    Remarks remarks;
    const Graph fused = fuse(m.g.graph(), backend("wasm"), &remarks);
    verify(fused);
    CHECK(fused.nodes().size() == 1);
    CHECK(fused.inputs.size() == 1);
    CHECK(fused.model().ir_version >= 4);
    const bool told = std::any_of(remarks.begin(), remarks.end(),
                                  [](const Remark& r) { return r.kind == "rewritten"; });
    CHECK(told == (ir_version == 8));
  }
}

TEST_CASE("constants that are not one number per channel", "[fuse]") {
  Model m;
  m.g.output(m.g.node("Add", {m.conv(), m.g.constant(noise({1, 3}))}));
  CHECK(m.refusals() ==
        "conv_add_const: the constant of shape [1, 3] is not one number per output channel\n");
}

TEST_CASE("sums of two computed values are no near miss", "[fuse]") {
  Model m;
  const ValueId first = m.conv(), second = m.conv();
  m.g.output(m.g.node("Add", {first, second}));
  m.g.output(second);
  CHECK(m.refusals().empty());
}

TEST_CASE("MatMul and Add that are no Gemm", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {2, 4, 5});
  g.output(
      g.node("Add", {g.node("MatMul", {x, g.constant(noise({5, 3}))}), g.constant(noise({3}))}));
  Remarks remarks;
  CHECK(fuse(g.graph(), backend("wasm"), &remarks).nodes().size() == 2);
  REQUIRE(remarks.size() == 1);
  CHECK(remarks[0].reason == "matmul_add: MatMul's input has rank 3 and Gemm takes matrices");
  CHECK(remarks[0].node == "Add_1");
}

TEST_CASE("Clip with computed bounds", "[fuse]") {
  Model m;
  const ValueId bound = m.g.input("bound", {});
  m.g.output(m.g.node("Clip", {m.conv(), bound}));
  CHECK(m.refusals().find("conv_clip") != std::string::npos);
}

TEST_CASE("Pad that is not the Conv's own", "[fuse]") {
  struct Row {
    const char* what;
    std::vector<int64_t> pads;
    std::vector<Attribute> attributes;
    float fill;
    const char* reason;
  };
  const Row rows[] = {
      {"another mode",
       {0, 0, 1, 1, 0, 0, 1, 1},
       {{"mode", std::string("reflect")}},
       0,
       "Pad is in mode reflect"},
      {"another fill", {0, 0, 1, 1, 0, 0, 1, 1}, {}, 1, "Pad fills with something else than zero"},
      {"channels", {0, 1, 0, 0, 0, 0, 0, 0}, {}, 0, "Pad adds images or channels"},
      {"cropping", {0, 0, 1, 1, 0, 0, 1, -1}, {}, 0, "Pad crops"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Model m;
    const int64_t channels = 2 + row.pads[1];
    const ValueId w = m.g.constant(noise({3, channels, 3, 3}));
    const ValueId pad =
        m.g.node("Pad", {m.x, m.g.constant(i64(row.pads)), m.g.constant(Tensor::scalar(row.fill))},
                 row.attributes);
    m.g.output(m.g.node("Conv", {pad, w}));
    CHECK(m.refusals() == std::string("pad_into_conv: ") + row.reason + "\n");
  }
  Model m;
  const ValueId pad = m.g.node("Pad", {m.x, m.g.constant(i64({0, 0, 1, 1, 0, 0, 1, 1}))});
  m.g.output(m.g.node("Conv", {pad, m.w}, {{"auto_pad", std::string("SAME_UPPER")}}));
  CHECK(m.refusals() == "pad_into_conv: Conv computes its own pads (auto_pad)\n");
}

TEST_CASE("pools say why they keep their Pad", "[fuse]") {
  for (const char* pool : {"MaxPool", "AveragePool"}) {
    Model m;
    const ValueId pad = m.g.node("Pad", {m.x, m.g.constant(i64({0, 0, 1, 1, 0, 0, 1, 1}))});
    m.g.output(m.g.node(pool, {pad}, {{"kernel_shape", std::vector<int64_t>{2, 2}}}));
    CHECK(m.refusals().starts_with("pad_into_pool: "));
  }
}

TEST_CASE("names of the caller stay: Identity between input and output", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {2});
  const ValueId a = g.node("Abs", {x});
  g.output(g.node("Identity", {x}));
  g.output(a);
  g.output(g.node("Identity", {a}));
  const Graph fused = fuse(g.graph(), backend("wasm"));
  verify(fused);
  CHECK(fused.nodes().size() == 3);
  CHECK(fused.outputs.size() == 3);
}

TEST_CASE("Dropout in training mode or with its mask used stays", "[fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {2});
  const auto dropped = g.nodes("Dropout", {x}, 2, {});
  g.output(g.node("Abs", {dropped[0]}));
  g.output(dropped[1]);
  CHECK(fuse(g.graph(), backend("wasm")).nodes().size() == 2);
}

}  // namespace
}  // namespace eightfold
