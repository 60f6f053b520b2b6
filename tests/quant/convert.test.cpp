// convert: where pairs go, what they are called, weights and biases as integers.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "ir/verify.h"
#include "quant/convert_weights.h"
#include "quant/lower_operands.h"
#include "runtime/session.h"
#include "support/hand_prepared.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// x [1, 2, 4, 4] -> Conv 3 channels -> Relu -> y
Graph conv_relu(int64_t opset = 13, bool with_bias = true) {
  Sketch sketch(opset);
  const ValueId x = sketch.input("x", {1, 2, 4, 4});
  const ValueId w = sketch.constant("w", noise({3, 2, 3, 3}));
  std::vector<ValueId> inputs{x, w};
  if (with_bias) {
    inputs.push_back(sketch.constant("b", Tensor::of<float>({3}, std::vector{0.5f, -1.0f, 2.0f})));
  }
  const ValueId c = sketch.node("Conv", inputs, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}}, "c");
  return sketch.finish({sketch.node("Relu", {c}, {}, "y")});
}

HandPrepared prepared_conv(Graph graph) {
  HandPrepared hand(std::move(graph));
  hand.observe("x", 0.01f, 100).observe("y", 0.02f, 0).quantize("c").quantize("y");
  return hand;
}

const Tensor& constant(const Graph& graph, const std::string& name) {
  const ValueId id = graph.find_value(name);
  REQUIRE(id != kNone);
  REQUIRE(graph.constant(id) != nullptr);
  return *graph.constant(id);
}

std::vector<float> floats_of(const Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

}  // namespace

TEST_CASE("convert names pairs and weights after what they stand for") {
  const Graph graph = convert(prepared_conv(conv_relu()).model);
  verify(graph);
  CHECK(graph.stage == Stage::kQuantized);
  CHECK(count_ops(graph, "QuantizeLinear") == 2);
  CHECK(count_ops(graph, "DequantizeLinear") == 4);  // x, y, w, b
  for (const char* name :
       {"x_quantized", "x_dequantized", "x_scale", "x_zero_point", "w_quantized", "w_scale",
        "w_zero_point", "b_quantized", "b_scale", "y_quantized", "y_scale", "y_zero_point"}) {
    INFO(name);
    CHECK(graph.find_value(name) != kNone);
  }
  // The outputs of the model keep their names and types; the pair stands before them.
  REQUIRE(graph.outputs.size() == 1);
  CHECK(graph.value(graph.outputs[0]).name == "y");
  CHECK(is_dequantize(graph.node(graph.value(graph.outputs[0]).producer())));
  CHECK(graph.value(graph.inputs[0]).type.dtype == DType::kFloat32);
  // The float weights are gone.
  CHECK(graph.constant(graph.find_value("w")) == nullptr);
}

TEST_CASE("the bias has the float32 product of both scales and no zero point") {
  const Graph source = conv_relu();
  const QParams weight = weight_qparams(constant(source, "w"), 0);
  const Graph graph = convert(prepared_conv(source).model);
  const std::vector<float> scales = floats_of(constant(graph, "b_scale"));
  const std::vector<int32_t> bias = integers_of(constant(graph, "b_quantized"));
  const std::vector<float> expected{0.5f, -1.0f, 2.0f};
  REQUIRE(scales.size() == 3);
  for (size_t c = 0; c < 3; ++c) {
    const float product = 0.01f * weight.scale[c];
    CHECK(scales[c] == product);
    CHECK(bias[c] ==
          static_cast<int32_t>(std::nearbyint(expected[c] / static_cast<double>(product))));
  }
  const Node& dequantize = graph.node(producer_of(graph, "b_dequantized"));
  CHECK(dequantize.inputs().size() == 2);
  CHECK(constant(graph, "b_quantized").dtype() == DType::kInt32);
}

TEST_CASE("weights round half to even and saturate") {
  const Tensor weight =
      Tensor::of<float>({1, 6}, std::vector{0.5f, 1.5f, 2.5f, -0.5f, 200.f, -200.f});
  const QParams unit{{1.0f}, {0}, -1, DType::kInt8, -128, 127};
  CHECK(integers_of(quantize_weight(weight, unit)) == std::vector<int32_t>{0, 2, 2, 0, 127, -128});
}

TEST_CASE("a correction makes a bias where there was none") {
  HandPrepared hand = prepared_conv(conv_relu(13, false));
  SECTION("without a correction there is no bias") {
    const Graph graph = convert(hand.model);
    CHECK(graph.node(producer_of(graph, "c")).input(2) == kNone);
  }
  SECTION("with one it is the bias") {
    hand.model.bias_correction[producer_of(hand.model.graph, "c")] = {0.25f, 0.0f, -0.5f};
    const Graph graph = convert(hand.model);
    const ValueId bias = graph.node(producer_of(graph, "c")).input(2);
    REQUIRE(bias != kNone);
    const Node& dequantize = graph.node(graph.value(bias).producer());
    const std::vector<int32_t> integers = integers_of(*graph.constant(dequantize.input(0)));
    const std::vector<float> scales = floats_of(*graph.constant(dequantize.input(1)));
    CHECK(static_cast<float>(integers[0]) * scales[0] == Catch::Approx(0.25f).margin(1e-4));
    CHECK(integers[1] == 0);
    CHECK(static_cast<float>(integers[2]) * scales[2] == Catch::Approx(-0.5f).margin(1e-4));
  }
}

TEST_CASE("a bias that would not fit int32 enlarges its channel's weight scale") {
  Graph source = conv_relu();
  Tensor tiny = constant(source, "w");
  for (size_t i = 0; i < 18; ++i) tiny.mutable_data<float>()[i] = 1e-12f;
  source.value(source.find_value("w")).initializer = tiny;
  HandPrepared hand(source);
  hand.observe("x", 1e-6f, 0).observe("y", 0.02f, 0).quantize("c").quantize("y");
  Remarks remarks;
  const Graph graph = convert(hand.model, &remarks);
  const std::vector<int32_t> bias = integers_of(constant(graph, "b_quantized"));
  const std::vector<float> scales = floats_of(constant(graph, "b_scale"));
  CHECK(std::abs(static_cast<int64_t>(bias[0])) <= INT32_MAX - 18 * 255 * 128);
  CHECK(static_cast<double>(bias[0]) * static_cast<double>(scales[0]) ==
        Catch::Approx(0.5).epsilon(1e-5));
  REQUIRE(remarks.size() == 1);
  CHECK(remarks[0].kind == "rewritten");
  // s_b = s_x * s_w holds after the change, too.
  CHECK(scales[0] == 1e-6f * floats_of(constant(graph, "w_scale"))[0]);
}

TEST_CASE("ops that keep their range share the parameter initializers") {
  Sketch sketch;
  const ValueId x = sketch.input("x", {1, 2, 4, 4});
  const ValueId c = sketch.node("Conv", {x, sketch.constant("w", noise({3, 2, 1, 1}))}, {}, "c");
  const ValueId p =
      sketch.node("MaxPool", {c}, {{"kernel_shape", std::vector<int64_t>{2, 2}}}, "p");
  HandPrepared hand(sketch.finish({p}));
  hand.observe("x", 0.01f, 128).observe("c", 0.02f, 7).share("p", "c").quantize("c").quantize("p");
  const Graph graph = convert(hand.model);
  const Node& first = graph.node(producer_of(graph, "c_quantized"));
  const Node& second = graph.node(producer_of(graph, "p_quantized"));
  CHECK(first.input(1) == second.input(1));
  CHECK(first.input(2) == second.input(2));
  CHECK(graph.value(first.input(1)).name == "c_scale");
}

TEST_CASE("float users of a graph input read it as it is, of a quantized op through the pair") {
  Sketch sketch;
  const ValueId x = sketch.input("x", {1, 2, 4, 4});
  const ValueId c = sketch.node("Conv", {x, sketch.constant("w", noise({3, 2, 1, 1}))}, {}, "c");
  const ValueId e = sketch.node("Exp", {x}, {}, "e");
  const ValueId l = sketch.node("Exp", {c}, {}, "l");
  HandPrepared hand(sketch.finish({e, l, c}));
  hand.observe("x", 0.01f, 128).observe("c", 0.02f, 7).quantize("c");
  const Graph graph = convert(hand.model);
  verify(graph);
  CHECK(graph.node(producer_of(graph, "e")).input(0) == graph.find_value("x"));
  // c is an output: it keeps its name and is what the pair gives back.
  CHECK(graph.node(producer_of(graph, "l")).input(0) == graph.find_value("c"));
  CHECK(is_dequantize(graph.node(producer_of(graph, "c"))));
}

TEST_CASE("Gemm's alpha and beta go into the weight and the bias") {
  Sketch sketch;
  const ValueId x = sketch.input("x", {2, 4});
  const ValueId w = sketch.constant("w", noise({4, 3}));
  const ValueId b = sketch.constant("b", noise({3}));
  const ValueId y = sketch.node("Gemm", {x, w, b}, {{"alpha", 0.5f}, {"beta", 2.0f}}, "y");
  const Graph source = sketch.finish({y});
  HandPrepared hand(source);
  hand.observe("x", 1.0f / 127, 128).observe("y", 0.03f, 128).quantize("y");
  const Graph graph = convert(hand.model);
  const NodeId gemm = *std::ranges::find_if(
      graph.nodes(), [&](NodeId id) { return graph.node(id).op_type == "Gemm"; });
  CHECK(graph.node(gemm).float_attribute("alpha", 1.0f) == 1.0f);
  CHECK(graph.node(gemm).float_attribute("beta", 1.0f) == 1.0f);
  const Feeds feeds{{"x", noise({2, 4}, -1, 1, 5)}};
  const auto expected = Session(source).run(feeds)[0].tensor;
  const auto actual = Session(graph).run(feeds)[0].tensor;
  for (size_t i = 0; i < 6; ++i) {
    CHECK(actual.data<float>()[i] == Catch::Approx(expected.data<float>()[i]).margin(0.05));
  }
}

TEST_CASE("a rounded weight takes the place of the float one") {
  HandPrepared hand = prepared_conv(conv_relu());
  const std::vector<int32_t> nearest = integers_of(constant(convert(hand.model), "w_quantized"));
  const NodeId node = producer_of(hand.model.graph, "c");
  const Tensor& weight = constant(hand.model.graph, "w");
  const QParams qparams = weight_qparams(weight, 0);
  Tensor rounded = Tensor::of<float>(weight.shape(), fake_quantize_weight(weight, qparams));
  rounded.mutable_data<float>()[4] += qparams.scale[0];
  hand.model.rounded_weight[node] = rounded;
  std::vector<int32_t> expected = nearest;
  expected[4] += 1;
  CHECK(integers_of(constant(convert(hand.model), "w_quantized")) == expected);
}

TEST_CASE("constants of a quantized model are no inputs of it") {
  Graph source = conv_relu();
  source.inputs.push_back(source.find_value("w"));
  source.inputs.push_back(source.find_value("b"));
  const Graph graph = convert(prepared_conv(std::move(source)).model);
  CHECK(graph.inputs == std::vector<ValueId>{graph.find_value("x")});
}

TEST_CASE("an old opset is raised to 13, where scales per axis exist") {
  const Graph graph = convert(prepared_conv(conv_relu(8)).model);
  CHECK(graph.opset() >= 13);
  verify(graph);
  CHECK(count_ops(graph, "QuantizeLinear") == 2);
}

TEST_CASE("convert without calibration is an error that says what to do") {
  HandPrepared hand = prepared_conv(conv_relu());
  hand.model.slots[0].observer = make_observer({});
  try {
    convert(hand.model);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidState);
    CHECK_FALSE(error.hint().empty());
  }
}
