// Modes that are not plain static, row by row after PyTorch's TestQuantizeFx (spec-facts 2.5, 6.3):
// dynamic, weight only with Gather of uint8 and uint4, float16, fixed parameters.
//
// Truth here: the reference model runs with weights that a formula of this file rounds.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/nibble.h"
#include "core/qparams.h"
#include "ir/text.h"
#include "ops/half.h"
#include "support/layers.h"
#include "support/matchers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

constexpr Tolerance kSums{1e-4f, 1e-4f};

Tensor run_one(const Graph& graph, const Feeds& feeds) {
  return Session(graph).run(feeds)[0].tensor;
}

// x through the parameters that ONNX's DynamicQuantizeLinear chooses for it.
Tensor dynamically_rounded(const Tensor& x) {
  float low = 0, high = 0;
  for (float v : x.data<float>()) low = std::min(low, v), high = std::max(high, v);
  const float scale = (high - low) / 255;
  const float zero = std::clamp(std::nearbyint(-low / scale), 0.0f, 255.0f);
  Tensor rounded = Tensor::allocate(DType::kFloat32, x.shape());
  for (size_t i = 0; i < static_cast<size_t>(x.size()); ++i) {
    const float q = std::clamp(std::nearbyint(x.data<float>()[i] / scale) + zero, 0.0f, 255.0f);
    rounded.mutable_data<float>()[i] = (q - zero) * scale;
  }
  return rounded;
}

// The weight rounded to int8 symmetric, one scale per row of a [out, in] matrix or for all.
Tensor symmetrically_rounded(const Tensor& w, bool per_row) {
  Tensor rounded = Tensor::allocate(DType::kFloat32, w.shape());
  const auto count = static_cast<size_t>(w.size());
  const auto row = per_row ? count / static_cast<size_t>(w.shape()[0]) : count;
  for (size_t start = 0; start < count; start += row) {
    float most = 0;
    for (size_t i = start; i < start + row; ++i)
      most = std::max(most, std::fabs(w.data<float>()[i]));
    const float scale = most / 127.5f;
    for (size_t i = start; i < start + row; ++i) {
      rounded.mutable_data<float>()[i] =
          std::clamp(std::nearbyint(w.data<float>()[i] / scale), -128.0f, 127.0f) * scale;
    }
  }
  return rounded;
}

// The graph with its float weights and its input replaced. Output channels are rows, but those of
// the one MatMul here, whose only column is its channel.
Tensor expected(Graph graph, const Tensor& x, bool per_row) {
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Tensor* weight = graph.constant(id);
    if (weight == nullptr || weight->dtype() != DType::kFloat32 || weight->rank() < 2) continue;
    graph.value(id).initializer =
        symmetrically_rounded(*weight, per_row && weight->shape().back() != 1);
  }
  return run_one(graph, {{"x", dynamically_rounded(x)}});
}

// ---------------------------------------------------------------- dynamic
TEST_CASE(
    "test_dynamic_quant_weight_observer, test_conv_linear dynamic: the input by each run's "
    "range, the weight by its observer",
    "[rows][modes]") {
  struct Row {
    const char* what;
    ValueId (*build)(GraphBuilder& g, ValueId x);
    Shape input;
    const char* op;  // of the lowered graph
  };
  const Row rows[] = {
      {"linear",
       [](GraphBuilder& g, ValueId x) { return linear(g, x, 4, 3); },
       {5, 4},
       "MatMulInteger"},
      {"functional linear",
       [](GraphBuilder& g, ValueId x) {
         return g.node("MatMul", {x, g.constant(noise({4, 1}, -1, 1, 9), "w")});
       },
       {5, 4},
       "MatMulInteger"},
      {"dynamic_with_fusion: LinearReLU",
       [](GraphBuilder& g, ValueId x) { return relu(g, linear(g, x, 4, 3)); },
       {5, 4},
       "MatMulInteger"},
      {"conv",
       [](GraphBuilder& g, ValueId x) { return conv(g, x, 2, 3); },
       {2, 2, 5, 5},
       "ConvInteger"},
      {"conv with relu",
       [](GraphBuilder& g, ValueId x) { return relu(g, conv(g, x, 2, 3)); },
       {2, 2, 5, 5},
       "ConvInteger"},
  };
  for (const Row& row : rows) {
    for (const bool per_channel : {false, true}) {
      INFO(row.what << " per channel " << per_channel);
      GraphBuilder g;
      g.output(row.build(g, g.input("x", row.input)));
      const char* name = per_channel ? "per_channel_dynamic_qconfig" : "default_dynamic_qconfig";
      const Routed routed = route(g.build(), route_options("exact8", named_qconfig(name)));
      CHECK(routed.prepared.slots.empty());  // nothing to calibrate
      CHECK(routed.prepared.weight_slots.size() == 1);
      CHECK(pairs(routed.quantized) == Pairs{1, 1});
      CHECK(pairs(routed.lowered) == Pairs{1, 0});
      CHECK(compute_ops(routed.lowered)[row.op] == 1);
      // Two runs of other ranges, each by its own.
      for (const float gain : {1.0f, 40.0f}) {
        Tensor x = routed.sample[0].tensor;
        for (float& value : x.mutable_data<float>()) value *= gain;
        const Tensor want = expected(routed.source, x, per_channel);
        const Tolerance tolerance{1e-4f, 1e-4f * gain};
        CHECK(difference(run_one(routed.quantized, {{"x", x}}), want, tolerance) == "");
        CHECK(difference(run_one(routed.lowered, {{"x", x}}), want, tolerance) == "");
      }
      // A file of pairs has none for such a layer: integer operators in both.
      const Graph file = to_qdq(routed.quantized);
      CHECK(compute_ops(file)[row.op] == 1);
      CHECK(pairs(file) == Pairs{1, 0});
      CHECK(bytes_apart(routed.lowered, file, routed.sample) == "");
    }
  }
}

TEST_CASE(
    "test_dynamic_with_fusion_multiple_uses, test_dynamic_linear_input_multiple_use: a shared "
    "input is quantized once per run",
    "[rows][modes]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {5, 4});
  const ValueId a = relu(g, linear(g, x, 4, 4));
  g.output(g.node("Add", {linear(g, a, 4, 4), linear(g, a, 4, 4)}));
  const Routed routed =
      route(g.build(), route_options("exact8", named_qconfig("default_dynamic_qconfig")));
  INFO(to_text(routed.lowered));
  CHECK(pairs(routed.quantized) == Pairs{2, 2});
  CHECK(pairs(routed.lowered) == Pairs{2, 0});
  CHECK(compute_ops(routed.lowered)["MatMulInteger"] == 3);
  CHECK(compute_ops(routed.lowered)["DynamicQuantizeLinear"] == 2);
  CHECK(compute_ops(routed.lowered)["Relu"] == 1);
  CHECK(lowered_apart(routed) == "");
  // Add has no weight, so it has no dynamic form.
  CHECK_FALSE(routed.plan(g.graph().value(g.graph().outputs[0]).name).quantized);
}

TEST_CASE("test_convert_to_reference_decomposed, dynamic: 1 quantize of each run, 1 dequantize",
          "[rows][modes]") {
  GraphBuilder g;
  g.output(linear(g, g.input("x", {5, 4}), 4, 3, "fc"));
  const Routed routed =
      route(g.build(), route_options("native", named_qconfig("default_dynamic_qconfig")));
  CHECK(compute_ops(routed.quantized) == OpCounts{{"DynamicQuantizeLinear", 1}, {"Gemm", 1}});
  CHECK(routed.plan("fc_0").mode == QuantMode::kDynamic);
  // Two layers of which one is dynamic: each mode by its own QConfig.
  GraphBuilder mixed;
  const ValueId a = linear(mixed, mixed.input("x", {5, 4}), 4, 4, "static");
  mixed.output(linear(mixed, a, 4, 3, "dynamic"));
  RouteOptions options = full_range("native");
  options.mapping.set_module_name("dynamic", named_qconfig("default_dynamic_qconfig"));
  const Routed both = route(mixed.build(), options);
  CHECK(compute_ops(both.lowered)["QGemm"] == 1);
  CHECK(compute_ops(both.lowered)["MatMulInteger"] == 1);
  CHECK(lowered_apart(both, 4) == "");  // a step of the first, through the second
}

// Conv has no dynamic row in PyTorch's backends: its QConfig is not heeded.
TEST_CASE("a dynamic QConfig where the backend is static is not heeded", "[rows][modes]") {
  GraphBuilder g;
  g.output(conv(g, g.input("x", {1, 2, 5, 5}), 2, 3, 2, "conv"));
  const Routed routed =
      route(g.build(), route_options("native", named_qconfig("default_dynamic_qconfig")));
  CHECK_FALSE(routed.plan("conv_0").quantized);
  CHECK(routed.plan("conv_0").reason.find("the target takes static inputs alone here") !=
        std::string::npos);
  CHECK(pairs(routed.lowered) == Pairs{0, 0});
}

// ---------------------------------------------------------------- float16
TEST_CASE("test_dynamic_quant_fp16, test_linear_static_fp16: the weight is stored in halves",
          "[rows][modes]") {
  struct Row {
    const char *qconfig, *preset;
    bool quantized;
  };
  for (const Row& row : {Row{"float16_dynamic_qconfig", "native", true},
                         Row{"float16_static_qconfig", "native", false},
                         Row{"float16_static_qconfig", "exact8", true},
                         Row{"float16_dynamic_qconfig", "onednn", false}}) {
    INFO(row.qconfig << " " << row.preset);
    GraphBuilder g;
    g.output(relu(g, linear(g, g.input("x", {5, 4}), 4, 3)));
    const Routed routed = route(g.build(), route_options(row.preset, named_qconfig(row.qconfig)));
    const NodePlan& plan = routed.prepared.plans.begin()->second;
    CHECK(plan.quantized == row.quantized);
    CHECK(pairs(routed.lowered) == Pairs{0, 0});
    if (!row.quantized) continue;
    CHECK(plan.mode == QuantMode::kFloat16);
    CHECK(compute_ops(routed.lowered)["Cast"] == 1);
    Graph halved = routed.source;
    Tensor& weight = *halved.value(halved.find_value("w")).initializer;
    for (float& value : weight.mutable_data<float>()) value = half_to_float(float_to_half(value));
    CHECK(difference(run_one(routed.lowered, routed.sample), run_one(halved, routed.sample),
                     kSums) == "");
    int halves = 0;
    for (ValueId id = 0; id < routed.lowered.value_count(); ++id) {
      const Tensor* tensor = routed.lowered.constant(id);
      halves += tensor != nullptr && tensor->dtype() == DType::kFloat16 ? 1 : 0;
    }
    CHECK(halves == 1);
    CHECK(routed.lowered.constant(routed.lowered.find_value("w")) == nullptr);
  }
}

// ---------------------------------------------------------------- weight only
// Each row of the table by the affine formula of spec-facts 3.1 over 0..last.
Tensor rows_rounded(const Tensor& table, float last) {
  Tensor rounded = Tensor::allocate(DType::kFloat32, table.shape());
  const auto width = static_cast<size_t>(table.shape()[1]);
  for (size_t start = 0; start < static_cast<size_t>(table.size()); start += width) {
    const auto row = table.data<float>().subspan(start, width);
    const float low = std::min(0.0f, *std::ranges::min_element(row));
    const float high = std::max(0.0f, *std::ranges::max_element(row));
    const float scale = (high - low) / last;
    const float zero = std::clamp(-std::nearbyint(low / scale), 0.0f, last);
    for (size_t i = 0; i < width; ++i) {
      const float q = std::clamp(std::nearbyint(row[i] / scale) + zero, 0.0f, last);
      rounded.mutable_data<float>()[start + i] = (q - zero) * scale;
    }
  }
  return rounded;
}

TEST_CASE("test_embedding, weight only in uint8 and uint4", "[rows][modes]") {
  struct Row {
    const char *qconfig, *preset;
    float last;
    DType dtype;
    int64_t opset = 21;
  };
  for (const Row& row :
       {Row{"float_qparams_weight_only_qconfig", "native", 255, DType::kUint8},
        Row{"float_qparams_weight_only_qconfig_4bit", "native", 15, DType::kUint4},
        Row{"float_qparams_weight_only_qconfig", "exact8", 255, DType::kUint8},
        Row{"float_qparams_weight_only_qconfig_4bit", "onnxruntime", 15, DType::kUint4},
        // Four bits are of opset 21: the model is raised to it.
        Row{"float_qparams_weight_only_qconfig_4bit", "exact8", 15, DType::kUint4, 12},
        Row{"float_qparams_weight_only_qconfig", "exact8", 255, DType::kUint8, 9}}) {
    INFO(row.qconfig << " " << row.preset);
    GraphBuilder g(row.opset);
    const ValueId tokens = g.input("tokens", {2, 3}, DType::kInt64);
    const ValueId table = g.constant(noise({7, 12}, -1, 2, 31), "table");
    g.output(g.node("Gather", {table, tokens}, {{}, {}, "embed"}));
    const Routed routed = route(g.build(), route_options(row.preset, named_qconfig(row.qconfig)));
    REQUIRE(routed.plan("embed_0").reason == "");
    CHECK(routed.plan("embed_0").mode == QuantMode::kWeightOnly);
    CHECK(routed.prepared.slots.empty());
    Graph expected = routed.source;
    expected.value(table).initializer = rows_rounded(*routed.source.constant(table), row.last);
    const Tensor want = run_one(expected, routed.sample);
    CHECK(difference(run_one(routed.quantized, routed.sample), want, kFloatSums) == "");
    CHECK(difference(run_one(routed.lowered, routed.sample), want, kFloatSums) == "");
    const Tensor* stored = routed.lowered.constant(routed.lowered.find_value("table_quantized"));
    REQUIRE(stored != nullptr);
    CHECK(stored->dtype() == row.dtype);
    CHECK(stored->size_bytes() == (row.dtype == DType::kUint4 ? 42 : 84));
    // Rows are gathered as they are stored: the table is not widened as a whole.
    CHECK(pairs(routed.lowered) == Pairs{0, 0});
    CHECK(compute_ops(routed.lowered)["Gather"] == 3);
    CHECK(routed.lowered.constant(table) == nullptr);
  }
}

TEST_CASE("weight only linear: an int8 weight, multiplied in float", "[rows][modes]") {
  GraphBuilder g;
  g.output(linear(g, g.input("x", {5, 4}), 4, 3, "fc"));
  const Routed routed =
      route(g.build(), route_options("exact8", named_qconfig("weight_only_qconfig")));
  CHECK(routed.plan("fc_0").mode == QuantMode::kWeightOnly);
  CHECK(pairs(routed.lowered) == Pairs{0, 0});
  Graph expected = routed.source;
  Tensor& weight = *expected.value(expected.find_value("w")).initializer;
  weight = symmetrically_rounded(weight, true);
  CHECK(difference(run_one(routed.lowered, routed.sample), run_one(expected, routed.sample),
                   kSums) == "");
  // int8 is no dtype of a native linear's weight alone.
  const Routed native =
      route(g.build(), route_options("native", named_qconfig("weight_only_qconfig")));
  CHECK_FALSE(native.plan("fc_0").quantized);
}

// ---------------------------------------------------------------- fixed parameters
TEST_CASE("test_fixed_qparams_ops, the whole route: integers keep the fixed parameters",
          "[rows][modes]") {
  struct Row {
    const char *op, *int8;
    float scale;
    int zero_point;
  };
  for (const Row& row : {Row{"Sigmoid", "QLinearSigmoid", 1.0f / 256, 0},
                         Row{"Softmax", "", 1.0f / 256, 0}, Row{"Tanh", "", 2.0f / 256, 128},
                         Row{"HardSigmoid", "QLinearHardSigmoid", 1.0f / 256, 0}}) {
    INFO(row.op);
    GraphBuilder g;
    const ValueId y = g.node(row.op, {linear(g, g.input("x", {5, 4}), 4, 4)}, {{}, {}, "act"});
    g.output(linear(g, y, 4, 3));
    const Routed routed = route(g.build(), full_range("native"));
    INFO(to_text(routed.lowered));
    const auto constant = [&](const char* name) {
      const Tensor* tensor = routed.quantized.constant(routed.quantized.find_value(name));
      REQUIRE(tensor != nullptr);
      return *tensor;
    };
    CHECK(constant("act_0_scale").data<float>()[0] == row.scale);
    CHECK(constant("act_0_zero_point").data<uint8_t>()[0] == row.zero_point);
    CHECK(pairs(routed.quantized) == Pairs{4, 4});
    const bool has_kernel = *row.int8 != 0;
    CHECK(compute_ops(routed.lowered)[has_kernel ? row.int8 : row.op] == 1);
    CHECK(pairs(routed.lowered) == (has_kernel ? Pairs{1, 1} : Pairs{2, 2}));
    CHECK(lowered_apart(routed) == "");
  }
}

}  // namespace
}  // namespace eightfold
