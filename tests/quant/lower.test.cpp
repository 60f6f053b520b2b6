// lower: each kind of group becomes its int8 operator and computes what the QDQ graph computes.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <functional>

#include "ir/text.h"
#include "ir/verify.h"
#include "quant/lower_operands.h"
#include "runtime/session.h"
#include "support/hand_prepared.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

Attribute ints(std::string name, std::vector<int64_t> values) { return {name, values}; }

// The lowered graph against the reference model: integers may differ by one step, and only where
// the float sum of the reference stood on a tie.
void check_same_numbers(const Graph& quantized, const Graph& lowered, const Feeds& feeds,
                        float step) {
  const auto expected = Session(quantized).run(feeds);
  const auto actual = Session(lowered).run(feeds);
  REQUIRE(expected.size() == actual.size());
  for (size_t o = 0; o < expected.size(); ++o) {
    const auto a = expected[o].tensor.data<float>();
    const auto b = actual[o].tensor.data<float>();
    REQUIRE(a.size() == b.size());
    int off = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      REQUIRE(std::fabs(a[i] - b[i]) <= step * 1.001f);
      off += std::fabs(a[i] - b[i]) > step * 0.001f ? 1 : 0;
    }
    CHECK(off * 100 <= static_cast<int>(a.size()));
  }
}

int float_work(const Graph& graph) {
  return static_cast<int>(std::ranges::count_if(graph.nodes(), [&](NodeId id) {
    const Node& node = graph.node(id);
    return int8_operands(node) == QuantizedOperands::kNone && !is_quantize(node) &&
           !is_dequantize(node);
  }));
}

std::string reason_for(const Remarks& remarks, const std::string& node) {
  for (const Remark& remark : remarks) {
    if (remark.node == node && remark.kind == "float") return remark.reason;
  }
  return "";
}

// One row per kind of group: x (and a second input z) -> op -> y, all quantized.
struct KindRow {
  const char* name;
  std::function<ValueId(Sketch&, ValueId x, ValueId z)> build;  // returns "y"
  const char* op;                                               // expected int8 operator
  const char* domain;
  bool shares = false;  // y keeps x's parameters
};

const std::vector<KindRow>& kind_rows() {
  static const std::vector<KindRow> rows{
      {"conv",
       [](Sketch& s, ValueId x, ValueId) {
         const ValueId b = s.constant("b", noise({5}));
         return s.node("Conv", {x, s.constant("w", noise({5, 4, 3, 3})), b},
                       {ints("pads", {1, 1, 1, 1})}, "y");
       },
       "QLinearConv", ""},
      {"depthwise conv with strides",
       [](Sketch& s, ValueId x, ValueId) {
         return s.node("Conv", {x, s.constant("w", noise({4, 1, 3, 3}))},
                       {{"group", int64_t{4}}, ints("strides", {2, 2})}, "y");
       },
       "QLinearConv", ""},
      {"fused conv with a relu the range implies",
       [](Sketch& s, ValueId x, ValueId) {
         return s.node("Conv", {x, s.constant("w", noise({5, 4, 1, 1}))},
                       {{"activation", std::string("Relu")}}, "y", "eightfold");
       },
       "QLinearConv", "eightfold"},  // zero point 120: the Relu binds
      {"add", [](Sketch& s, ValueId x, ValueId z) { return s.node("Add", {x, z}, {}, "y"); },
       "QLinearAdd", "com.microsoft"},
      {"mul", [](Sketch& s, ValueId x, ValueId z) { return s.node("Mul", {x, z}, {}, "y"); },
       "QLinearMul", "com.microsoft"},
      {"concat",
       [](Sketch& s, ValueId x, ValueId z) {
         return s.node("Concat", {x, z}, {{"axis", int64_t{1}}}, "y");
       },
       "QLinearConcat", "com.microsoft"},
      {"leaky relu",
       [](Sketch& s, ValueId x, ValueId) {
         return s.node("LeakyRelu", {x}, {{"alpha", 0.1f}}, "y");
       },
       "QLinearLeakyRelu", "com.microsoft"},
      {"sigmoid", [](Sketch& s, ValueId x, ValueId) { return s.node("Sigmoid", {x}, {}, "y"); },
       "QLinearSigmoid", "com.microsoft"},
      {"transposed conv in groups",
       [](Sketch& s, ValueId x, ValueId) {
         const ValueId b = s.constant("b", noise({6}));
         return s.node("ConvTranspose", {x, s.constant("w", noise({4, 3, 3, 3})), b},
                       {ints("strides", {2, 2}), {"group", int64_t{2}}}, "y");
       },
       "QLinearConvTranspose", "eightfold"},
      {"hard swish",
       [](Sketch& s, ValueId x, ValueId) { return s.node("HardSwish", {x}, {}, "y"); },
       "QLinearHardSwish", "eightfold"},
      {"hard sigmoid",
       [](Sketch& s, ValueId x, ValueId) { return s.node("HardSigmoid", {x}, {}, "y"); },
       "QLinearHardSigmoid", "eightfold"},
      {"prelu",
       [](Sketch& s, ValueId x, ValueId) {
         return s.node("PRelu", {x, s.constant("slope", noise({4, 1, 1}))}, {}, "y");
       },
       "QLinearPRelu", "eightfold"},
      {"linear resize",
       [](Sketch& s, ValueId x, ValueId) {
         const ValueId scales =
             s.constant("scales", Tensor::of<float>({4}, std::vector<float>{1, 1, 2, 2}));
         return s.node("Resize", {x, kNone, scales}, {{"mode", std::string("linear")}}, "y");
       },
       "QLinearResize", "eightfold"},
      {"batch normalization without a layer",
       [](Sketch& s, ValueId x, ValueId) {
         const ValueId a = s.constant("a", noise({4})), b = s.constant("b", noise({4}));
         const ValueId v = s.constant("v", Tensor::of<float>({4}, std::vector<float>{1, 2, 3, 4}));
         return s.node("BatchNormalization", {x, a, b, b, v}, {}, "y");
       },
       "QLinearBatchNormalization", "eightfold"},
      {"global average pool",
       [](Sketch& s, ValueId x, ValueId) { return s.node("GlobalAveragePool", {x}, {}, "y"); },
       "QLinearGlobalAveragePool", "com.microsoft"},
      {"average pool",
       [](Sketch& s, ValueId x, ValueId) {
         return s.node("AveragePool", {x}, {ints("kernel_shape", {2, 2}), ints("strides", {2, 2})},
                       "y");
       },
       "QLinearAveragePool", "com.microsoft"},
      {"max pool",
       [](Sketch& s, ValueId x, ValueId) {
         return s.node("MaxPool", {x}, {ints("kernel_shape", {2, 2}), ints("strides", {2, 2})},
                       "y");
       },
       "MaxPool", "", true},
      {"transpose",
       [](Sketch& s, ValueId x, ValueId) {
         return s.node("Transpose", {x}, {ints("perm", {0, 2, 3, 1})}, "y");
       },
       "Transpose", "", true},
      {"reshape",
       [](Sketch& s, ValueId x, ValueId) {
         return s.node(
             "Reshape",
             {x, s.constant("shape", Tensor::of<int64_t>({2}, std::vector<int64_t>{1, -1}))}, {},
             "y");
       },
       "Reshape", "", true},
      {"pad without a value fills with zero",
       [](Sketch& s, ValueId x, ValueId) {
         const ValueId pads = s.constant(
             "pads", Tensor::of<int64_t>({8}, std::vector<int64_t>{0, 0, 1, 1, 0, 0, 1, 1}));
         return s.node("Pad", {x, pads}, {}, "y");
       },
       "Pad", "", true},
  };
  return rows;
}

}  // namespace

TEST_CASE("every kind of group becomes its int8 operator with the same numbers") {
  for (const KindRow& row : kind_rows()) {
    DYNAMIC_SECTION(row.name) {
      Sketch sketch;
      const ValueId x = sketch.input("x", {1, 4, 6, 6});
      const ValueId z = sketch.input("z", {1, 4, 6, 6});
      HandPrepared hand(sketch.finish({row.build(sketch, x, z)}));
      hand.observe("x", 1.0f / 100, 110).observe("z", 1.0f / 90, 128).quantize("y");
      if (row.shares) {
        hand.share("y", "x");
      } else {
        hand.observe("y", 1.0f / 50, 120);
      }
      const Graph quantized = convert(hand.model);
      Remarks remarks;
      const Graph lowered = lower(quantized, &remarks);
      INFO(to_text(quantized) << to_text(lowered));
      verify(lowered);
      CHECK(remarks.empty());
      CHECK(lowered.stage == Stage::kLowered);
      CHECK(count_ops(lowered, row.op, row.domain) == 1);
      CHECK(count_ops(lowered, "DequantizeLinear") == 1);
      const Feeds feeds{{"x", noise({1, 4, 6, 6}, -1.0f, 1.2f, 3)},
                        {"z", noise({1, 4, 6, 6}, -1.2f, 1.1f, 4)}};
      check_same_numbers(quantized, lowered, feeds, row.shares ? 0.0f : 1.0f / 50);
    }
  }
}

TEST_CASE("Gemm and MatMul become integers") {
  struct Row {
    const char* name;
    std::vector<Attribute> attributes;
    Shape weight;
    bool bias;
    const char* op;
  };
  const std::vector<Row> rows{
      {"transB, bias", {{"transB", int64_t{1}}}, {5, 8}, true, "QGemm"},
      {"plain weight, no bias", {}, {8, 5}, false, "QGemm"},
      {"MatMul", {}, {8, 5}, false, "QLinearMatMul"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      Sketch sketch;
      std::vector<ValueId> inputs{sketch.input("x", {3, 8}),
                                  sketch.constant("w", noise(row.weight))};
      if (row.bias) inputs.push_back(sketch.constant("b", noise({5})));
      const bool is_matmul = std::string_view(row.op) == "QLinearMatMul";
      sketch.node(is_matmul ? "MatMul" : "Gemm", inputs, row.attributes, "y");
      HandPrepared hand(sketch.finish({sketch.graph.find_value("y")}));
      hand.observe("x", 0.01f, 100).observe("y", 0.03f, 128).quantize("y");
      const Graph quantized = convert(hand.model);
      const Graph lowered = lower(quantized);
      INFO(to_text(lowered));
      CHECK(count_ops(lowered, row.op, is_matmul ? "" : "com.microsoft") == 1);
      CHECK(float_work(lowered) == 0);
      check_same_numbers(quantized, lowered, {{"x", noise({3, 8}, -1, 1, 9)}}, 0.03f);
    }
  }
}

TEST_CASE("a Relu or Clip between op and Q is a clamp of the int8 operator") {
  struct Row {
    const char* name;
    const char* op;
    float lo, hi;
    int32_t zero_point;            // of y, scale 1/32
    int64_t clamp_min, clamp_max;  // -1: no clamp, the range implies it
  };
  const std::vector<Row> rows{
      {"Relu, zero point 0", "Relu", 0, 0, 0, -1, -1},
      {"Relu, zero point 100", "Relu", 0, 0, 100, 100, 255},
      {"Clip 0..1 below the range", "Clip", 0, 1, 0, 0, 32},
      {"Clip 0..8 above the range", "Clip", 0, 8, 0, -1, -1},
      {"Clip -1..1", "Clip", -1, 1, 128, 96, 160},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      Sketch sketch;
      const ValueId x = sketch.input("x", {1, 4, 5, 5});
      const ValueId c =
          sketch.node("Conv", {x, sketch.constant("w", noise({3, 4, 1, 1}))}, {}, "c");
      std::vector<ValueId> inputs{c};
      if (std::string_view(row.op) == "Clip") {
        inputs.push_back(sketch.constant("lo", Tensor::scalar(row.lo)));
        inputs.push_back(sketch.constant("hi", Tensor::scalar(row.hi)));
      }
      HandPrepared hand(sketch.finish({sketch.node(row.op, inputs, {}, "y")}));
      hand.observe("x", 0.01f, 128).observe("y", 1.0f / 32, row.zero_point);
      hand.quantize("c").quantize("y");
      const Graph quantized = convert(hand.model);
      const Graph lowered = lower(quantized);
      INFO(to_text(lowered));
      CHECK(float_work(lowered) == 0);
      const Node& conv = lowered.node(producer_of(lowered, "y_quantized"));
      CHECK(conv.op_type == "QLinearConv");
      CHECK(conv.int_attribute("clamp_min", -1) == row.clamp_min);
      CHECK(conv.int_attribute("clamp_max", -1) == row.clamp_max);
      CHECK(conv.domain == (row.clamp_min < 0 ? "" : "eightfold"));
      check_same_numbers(quantized, lowered, {{"x", noise({1, 4, 5, 5}, -1, 1, 2)}}, 1.0f / 32);
    }
  }
}

// As files have it where an activation meets a range that is part of its dtype's.
TEST_CASE("clamps in a row between op and Q are one clamp") {
  Sketch sketch;
  const ValueId x = sketch.input("x", {1, 4, 5, 5});
  const ValueId c = sketch.node("Add", {x, x}, {}, "c");
  const ValueId r = sketch.node("Relu", {c}, {}, "r");
  const ValueId y = sketch.node("Clip",
                                {r, sketch.constant("lo", Tensor::scalar(-1.0f)),
                                 sketch.constant("hi", Tensor::scalar(0.5f))},
                                {}, "y");
  HandPrepared hand(sketch.finish({y}));
  hand.observe("x", 0.01f, 128).observe("y", 1.0f / 32, 100);
  for (const char* value : {"c", "r", "y"}) hand.quantize(value);
  const Graph quantized = convert(hand.model);
  const Graph lowered = lower(quantized);
  INFO(to_text(lowered));
  CHECK(float_work(lowered) == 0);
  const Node& add = lowered.node(producer_of(lowered, "y_quantized"));
  CHECK(add.op_type == "QLinearAdd");
  CHECK(add.int_attribute("clamp_min", -1) == 100);  // of the Relu
  CHECK(add.int_attribute("clamp_max", -1) == 116);  // of the Clip
  check_same_numbers(quantized, lowered, {{"x", noise({1, 4, 5, 5}, -1, 1, 2)}}, 1.0f / 32);
}

TEST_CASE("a clamp on its own works on integers") {
  struct Row {
    const char* name;
    float scale;
    int32_t zero_point;
    int tables;         // expected nodes
    int64_t clamp_min;  // of the node that takes the clamp in
  };
  // x is 0.01, 100
  const std::vector<Row> rows{
      {"same parameters", 0.01f, 100, 0, 100},
      {"other parameters that imply it", 0.02f, 0, 1, 0},
      {"other parameters", 0.02f, 50, 1, 50},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      Sketch sketch;
      const ValueId x = sketch.input("x", {2, 40});
      HandPrepared hand(sketch.finish({sketch.node("Relu", {x}, {}, "y")}));
      hand.observe("x", 0.01f, 100).observe("y", row.scale, row.zero_point).quantize("y");
      const Graph quantized = convert(hand.model);
      const Graph lowered = lower(quantized);
      INFO(to_text(lowered));
      CHECK(count_ops(lowered, "Relu") == 0);
      const char* domain = row.clamp_min > 0 ? "eightfold" : "com.microsoft";
      CHECK(count_ops(lowered, "QLinearLeakyRelu", domain) == row.tables);
      CHECK(count_ops(lowered, "Clip") == 0);
      const Node& last = lowered.node(producer_of(lowered, "y_quantized"));
      CHECK(last.int_attribute("clamp_min", 0) == row.clamp_min);
      check_same_numbers(quantized, lowered, {{"x", noise({2, 40}, -1, 1, 2)}}, 0.0f);
    }
  }
}

TEST_CASE("integers flow between int8 operators; a float user costs one DequantizeLinear") {
  Sketch sketch;
  const ValueId x = sketch.input("x", {1, 4, 6, 6});
  const ValueId a = sketch.node("Conv", {x, sketch.constant("w", noise({4, 4, 1, 1}))}, {}, "a");
  const ValueId b = sketch.node("Conv", {a, sketch.constant("v", noise({4, 4, 1, 1}))}, {}, "b");
  const ValueId sum = sketch.node("Add", {a, b}, {}, "sum");
  const ValueId e = sketch.node("Exp", {sum}, {}, "e");
  const ValueId f = sketch.node("Neg", {sum}, {}, "f");
  HandPrepared hand(sketch.finish({e, f}));
  hand.observe("x", 0.01f, 128).observe("a", 0.02f, 120).observe("b", 0.03f, 128);
  hand.observe("sum", 0.04f, 110).quantize("a").quantize("b").quantize("sum");
  Remarks remarks;
  const Graph lowered = lower(convert(hand.model), &remarks);
  INFO(to_text(lowered));
  verify(lowered);
  CHECK(count_ops(lowered, "QuantizeLinear") == 1);
  CHECK(count_ops(lowered, "DequantizeLinear") == 1);
  CHECK(reason_for(remarks, "node_e") == "the operator has no int8 form");
  // The sum reads what the first convolution wrote, as integers.
  const Node& add = lowered.node(producer_of(lowered, "sum_quantized"));
  CHECK(add.input(0) == lowered.find_value("a_quantized"));
}

TEST_CASE("shape queries read the integers") {
  Sketch sketch;
  const ValueId x = sketch.input("x", {1, 4, 6, 6});
  const ValueId a = sketch.node("LeakyRelu", {x}, {}, "a");
  const ValueId shape = sketch.node("Shape", {a}, {}, "shape");
  HandPrepared hand(sketch.finish({a, shape}));
  hand.observe("x", 0.01f, 128).observe("a", 0.02f, 120).quantize("a");
  const Graph quantized = convert(hand.model);
  CHECK(quantized.node(producer_of(quantized, "shape")).input(0) ==
        quantized.find_value("a_quantized"));
  Remarks remarks;
  const Graph lowered = lower(quantized, &remarks);
  CHECK(remarks.empty());
  CHECK(Session(lowered).run({{"x", noise({1, 4, 6, 6})}})[1].tensor.data<int64_t>()[3] == 6);
}

TEST_CASE("what stays float says why") {
  struct Row {
    const char* name;
    std::function<void(HandPrepared&)> plan;
    const char* reason;
  };
  const std::vector<Row> rows{
      {"the output is not quantized",
       [](HandPrepared& h) { h.observe("x", 0.01f, 0).quantize("y"); },
       "its float output is an output of the model"},
      {"other parameters around MaxPool",
       [](HandPrepared& h) { h.observe("x", 0.01f, 0).observe("y", 0.02f, 0).quantize("y"); },
       "its output has another scale than its input"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      Sketch sketch;
      const ValueId x = sketch.input("x", {1, 4, 6, 6});
      HandPrepared hand(
          sketch.finish({sketch.node("MaxPool", {x}, {ints("kernel_shape", {2, 2})}, "y")}));
      row.plan(hand);
      Remarks remarks;
      const Graph lowered = lower(convert(hand.model), &remarks);
      CHECK(reason_for(remarks, "node_y") == row.reason);
      CHECK(count_ops(lowered, "MaxPool") == 1);
      Session(lowered).run({{"x", noise({1, 4, 6, 6})}});  // and it still runs
    }
  }
}

namespace {

// The same convolution as other tools write it: Q nodes on the weight, a pair per consumer, no zero
// point where it is 0, a float bias.
Graph foreign_conv() {
  Sketch s;
  const ValueId scale = s.constant("s", Tensor::scalar(0.02f));
  const ValueId zero = s.constant("z", Tensor::scalar(uint8_t{128}));
  const ValueId weight_zero = s.constant("wz", Tensor::scalar(int8_t{0}));
  const auto pair = [&](ValueId v, ValueId z) {
    std::vector<ValueId> q{v, scale}, dq{kNone, scale};
    if (z != kNone) q.push_back(z), dq.push_back(z);
    dq[0] = s.node("QuantizeLinear", q);
    return s.node("DequantizeLinear", dq);
  };
  const ValueId x = s.input("x", {1, 4, 5, 5});
  const ValueId w = s.constant("w", noise({3, 4, 1, 1}));
  const ValueId b = s.constant("b", noise({3}));
  const ValueId c = s.node("Conv", {pair(x, zero), pair(w, weight_zero), b}, {}, "c");
  const ValueId left = s.node("MaxPool", {pair(c, kNone)}, {ints("kernel_shape", {2, 2})}, "l");
  const ValueId right = s.node("MaxPool", {pair(c, kNone)}, {ints("kernel_shape", {3, 3})}, "r");
  Graph graph = s.finish({pair(left, kNone), pair(right, kNone)});
  graph.stage = Stage::kQuantized;
  return graph;
}

}  // namespace

TEST_CASE("QDQ files made elsewhere are lowered too") {
  const Graph graph = foreign_conv();
  Remarks remarks;
  const Graph lowered = lower(graph, &remarks);
  INFO(to_text(graph) << to_text(lowered));
  verify(lowered);
  CHECK(remarks.empty());
  CHECK(count_ops(lowered, "QLinearConv") == 1);
  CHECK(count_ops(lowered, "QuantizeLinear") == 1);
  CHECK(count_ops(lowered, "DequantizeLinear") == 2);
  check_same_numbers(graph, lowered, {{"x", noise({1, 4, 5, 5}, -2, 2, 8)}}, 0.02f);
}

TEST_CASE("an already lowered graph passes through") {
  const Graph once = lower(foreign_conv());
  CHECK(to_text(lower(once)) == to_text(once));
}
