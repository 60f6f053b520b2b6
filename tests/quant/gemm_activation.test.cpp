// Gemm with a fused LeakyRelu or Tanh: fused, in float, in int8, and as plain ONNX.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "ir/text.h"
#include "ir/verify.h"
#include "kernels/kernels.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/matchers.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using namespace test;

struct Activation {
  const char* fuser;
  const char* op;
  std::vector<Attribute> attributes, fused;
  float (*f)(float);
};

const Activation kActivations[] = {
    {"linear_leaky_relu",
     "LeakyRelu",
     {{"alpha", 0.2f}},
     {{"activation", std::string("LeakyRelu")}, {"activation_alpha", 0.2f}},
     [](float x) { return x < 0 ? 0.2f * x : x; }},
    {"linear_leaky_relu",
     "LeakyRelu",
     {},  // ONNX's default of alpha
     {{"activation", std::string("LeakyRelu")}},
     [](float x) { return x < 0 ? 0.01f * x : x; }},
    {"linear_tanh",
     "Tanh",
     {},
     {{"activation", std::string("Tanh")}},
     [](float x) { return std::tanh(x); }},
};

BackendConfig backend_of(const Activation& activation) {
  BackendConfig backend("test");
  BackendPatternConfig row;
  row.set_pattern({"Gemm", activation.op});
  row.set_fuser_method(activation.fuser);
  backend.set_backend_pattern_config(row);
  return backend;
}

TEST_CASE("LeakyRelu and Tanh become part of Gemm", "[fuse][gemm]") {
  for (const Activation& activation : kActivations) {
    INFO(activation.op);
    GraphBuilder g;
    const ValueId x = g.input("x", {-1, 5});
    const ValueId gemm = g.node("Gemm", {x, g.constant(noise({5, 3})), g.constant(noise({3}))});
    g.output(g.node(activation.op, {gemm}, activation.attributes));
    const Graph graph = g.build();
    const Graph fused = fuse(graph, backend_of(activation));
    verify(fused);
    REQUIRE(fused.nodes().size() == 1);
    const Node& node = fused.node(fused.nodes()[0]);
    CHECK(node.is("Gemm", kEightfoldDomain));
    CHECK(node.string_attribute("activation", "") == activation.op);
    CHECK(fused.value(node.output(0)).name == graph.value(graph.outputs[0]).name);
    const Feeds feeds{{"x", noise({4, 5}, -2, 2, 9)}};
    const Tensor want = Session(graph).run(feeds)[0].tensor;
    CHECK(difference(Session(fused).run(feeds)[0].tensor, want, kFloatMath) == "");

    const Graph plain = unfold(fused);
    verify(plain);
    CHECK(count_ops(plain, "Gemm") == 1);
    CHECK(count_ops(plain, activation.op) == 1);
    CHECK(difference(Session(plain).run(feeds)[0].tensor, want, kFloatMath) == "");
  }
}

TEST_CASE("QGemm applies its activation to the float sums", "[ops][qlinear][gemm]") {
  const int64_t m = 5, k = 19, n = 18;
  const auto byte = [](int64_t i, int64_t step) { return (i * step + 31) % 256; };
  for (const char* isa : {"scalar", "simd128", ""}) {
    set_isa(isa);
    for (const Activation& activation : kActivations) {
      for (const bool is_float : {false, true}) {
        INFO(isa_name(current_isa()) << " " << activation.op << ", float " << is_float);
        std::vector<uint8_t> a;
        std::vector<int8_t> b;
        std::vector<int32_t> c;
        std::vector<float> scale;
        for (int64_t i = 0; i < m * k; ++i) a.push_back(static_cast<uint8_t>(byte(i, 37)));
        for (int64_t i = 0; i < k * n; ++i) b.push_back(static_cast<int8_t>(byte(i, 89) - 128));
        for (int64_t i = 0; i < n; ++i) {
          c.push_back(static_cast<int32_t>(i * 700 % 4001) - 2000);
          scale.push_back(0.002f + 0.0001f * static_cast<float>(i));
        }
        const float a_scale = 0.011f, y_scale = 0.009f;
        const std::vector<int8_t> zeros(static_cast<size_t>(n), 0);
        OpCase run{.op = "QGemm",
                   .domain = "eightfold",
                   .opset = 1,
                   .attributes = activation.fused,
                   .inputs = {u8({m, k}, a), Tensor::scalar(a_scale), Tensor::scalar(uint8_t{120}),
                              s8({k, n}, b), f32({n}, scale), s8({n}, zeros), i32({n}, c)},
                   .constants = {1, 2, 3, 4, 5, 6, 7, 8}};
        if (!is_float) {
          run.inputs.push_back(Tensor::scalar(y_scale));
          run.inputs.push_back(Tensor::scalar(uint8_t{128}));
        }
        const Tensor y = run_op(run)[0];
        REQUIRE(y.shape() == Shape{m, n});
        int below = 0;
        for (int64_t i = 0; i < m * n; ++i) {
          int64_t acc = c[static_cast<size_t>(i % n)];
          for (int64_t j = 0; j < k; ++j) {
            acc += (int64_t{a[static_cast<size_t>(i / n * k + j)]} - 120) *
                   b[static_cast<size_t>(j * n + i % n)];
          }
          const volatile float factor = a_scale * scale[static_cast<size_t>(i % n)];
          const volatile float sum = static_cast<float>(acc) * factor;
          const float value = activation.f(sum);
          below += sum < 0 ? 1 : 0;
          const auto at = static_cast<size_t>(i);
          if (is_float) {
            REQUIRE(y.data<float>()[at] == value);
          } else {
            const double q = std::nearbyint(static_cast<double>(value / y_scale)) + 128;
            REQUIRE(y.data<uint8_t>()[at] == std::clamp(q, 0.0, 255.0));
          }
        }
        CHECK(below > 10);  // both branches of LeakyRelu are met
        CHECK(below < m * n - 10);
      }
    }
  }
  set_isa("");
}

TEST_CASE("QGemm of another domain carries no activation", "[ops][qlinear][gemm]") {
  OpCase run{.op = "QGemm",
             .domain = "com.microsoft",
             .opset = 1,
             .attributes = {{"activation", std::string("LeakyRelu")}},
             .inputs = {u8({1, 1}, {0}),
                        Tensor::scalar(1.0f),
                        Tensor::scalar(uint8_t{100}),
                        s8({1, 1}, {1}),
                        Tensor::scalar(1.0f),
                        Tensor::scalar(int8_t{0}),
                        {},
                        Tensor::scalar(1.0f),
                        Tensor::scalar(uint8_t{128})},
             .constants = {1, 2, 3, 4, 5, 7, 8}};
  CHECK(run_op(run)[0].data<uint8_t>()[0] == 28);
  run.domain = "eightfold";
  CHECK(run_op(run)[0].data<uint8_t>()[0] == 127);
}

// x -> eightfold:Gemm with the activation -> y, converted with known numbers.
Graph converted(const Activation& activation, bool transposed, bool bias) {
  Sketch s;
  std::vector<ValueId> inputs{s.input("x", {6, 8}),
                              s.constant("w", noise(transposed ? Shape{5, 8} : Shape{8, 5}))};
  if (bias) inputs.push_back(s.constant("b", noise({5}, -0.5f, 0.5f, 3)));
  std::vector<Attribute> attributes = activation.fused;
  attributes.push_back({"transB", int64_t{transposed}});
  const ValueId y = s.node("Gemm", inputs, attributes, "y", "eightfold");
  HandPrepared hand(s.finish({y}));
  hand.observe("x", 0.01f, 128).observe("y", 0.02f, 128).quantize("y");
  return convert(hand.model);
}

Tensor run(const Graph& graph) {
  return Session(graph).run({{"x", noise({6, 8}, -1, 1, 4)}})[0].tensor;
}

TEST_CASE("a fused activation that is no clamp is lowered into QGemm", "[lower][gemm]") {
  for (const Activation& activation : kActivations) {
    for (const bool transposed : {false, true}) {
      for (const bool bias : {true, false}) {
        INFO(activation.op << ", transB " << transposed << ", bias " << bias);
        const Graph quantized = converted(activation, transposed, bias);
        Remarks remarks;
        const Graph lowered = lower(quantized, &remarks);
        INFO(to_text(lowered));
        verify(lowered);
        CHECK(remarks.empty());
        REQUIRE(count_ops(lowered, "QGemm", "eightfold") == 1);
        const Node& node = lowered.node(producer_of(lowered, "y_quantized"));
        CHECK(node.string_attribute("activation", "") == activation.op);
        CHECK_FALSE(node.has_attribute("clamp_min"));
        CHECK(difference(run(lowered), run(quantized), {0, 0.0201f}) == "");

        const Graph qdq = to_qdq(quantized);
        CHECK(count_ops(qdq, activation.op) == 1);
        CHECK(difference(run(qdq), run(quantized)) == "");

        const Graph file = to_qoperator(lowered);
        INFO(to_text(file));
        verify(file);
        CHECK(count_ops(file, "Gemm") == 1);
        CHECK(count_ops(file, activation.op) == 1);
        CHECK(count_ops(file, "QuantizeLinear") == 2);
        CHECK(count_ops(file, "DequantizeLinear") == (bias ? 4 : 3));
        CHECK(difference(run(file), run(lowered), {0, 0.0201f}) == "");
      }
    }
  }
}

TEST_CASE("a clamp after the activation of QGemm holds in every form", "[lower][gemm]") {
  const Activation& leaky = kActivations[0];
  Sketch s;
  const ValueId x = s.input("x", {6, 8});
  const ValueId gemm =
      s.node("Gemm", {x, s.constant("w", noise({8, 5}))}, leaky.fused, "g", "eightfold");
  const ValueId y = s.node(
      "Clip",
      {gemm, s.constant("lo", Tensor::scalar(-0.1f)), s.constant("hi", Tensor::scalar(0.5f))}, {},
      "y");
  HandPrepared hand(s.finish({y}));
  hand.observe("x", 0.01f, 128).observe("y", 0.02f, 128).quantize("g").quantize("y");
  const Graph quantized = convert(hand.model);
  const Graph lowered = lower(quantized);
  INFO(to_text(lowered));
  const Node& node = lowered.node(producer_of(lowered, "y_quantized"));
  CHECK(node.is("QGemm", kEightfoldDomain));
  CHECK(node.int_attribute("clamp_min", -1) == 123);
  CHECK(node.int_attribute("clamp_max", -1) == 153);
  CHECK(difference(run(lowered), run(quantized), {0, 0.0201f}) == "");
  const Graph file = to_qoperator(lowered);
  verify(file);
  CHECK(count_ops(file, "Clip") == 1);
  CHECK(difference(run(file), run(lowered), {0, 0.0201f}) == "");
}

}  // namespace
}  // namespace eightfold
