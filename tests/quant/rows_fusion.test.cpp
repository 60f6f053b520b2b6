// Fusion, row by row after PyTorch's TestFuseFx (spec-facts 6.2), whose names the rows bear.
//
// Fused graphs are float: each row says which nodes remain, and the numbers stay what they were.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "quant/config_json.h"
#include "quant/fusing.h"
#include "support/layers.h"
#include "support/matchers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

void check_same_numbers(const Graph& before, const Graph& after) {
  const Feeds feeds = feeds_for(before);
  const auto want = Session(before).run(feeds), got = Session(after).run(feeds);
  REQUIRE(want.size() == got.size());
  for (size_t i = 0; i < want.size(); ++i) {
    CHECK(difference(got[i].tensor, want[i].tensor, kFloatSums) == "");
  }
}

Graph fused_by(const BackendConfig& config, const Graph& graph) {
  const Graph fused = fuse(graph, config);
  verify(fused);
  check_same_numbers(graph, fused);
  return fused;
}

// The activation of the one node of this op; "" when it has none.
std::string activation_of(const Graph& graph, const std::string& op) {
  std::string activation = "no such node";
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    if (node.op_type == op) activation = node.string_attribute("activation", "");
  }
  return activation;
}

Shape image(size_t spatial, int64_t channels) {
  Shape shape{1, channels};
  shape.insert(shape.end(), spatial, 5);
  return shape;
}

// ---------------------------------------------------------------- layers of every dimension
struct LayerRow {
  const char* upstream;
  bool transposed, norm, relu;
  OpCounts left;
};

TEST_CASE("layers, BatchNormalization and Relu of 1 to 3 dimensions", "[rows][fuse]") {
  const LayerRow rows[] = {
      {"test_fuse_conv_bn_relu: ConvBn, evaluated", false, true, false, {{"Conv", 1}}},
      {"test_fuse_conv_bn_relu: ConvBnReLU, evaluated", false, true, true, {{"Conv", 1}}},
      {"test_fuse_module_relu: ConvReLU", false, false, true, {{"Conv", 1}}},
      {"test_fuse_convtranspose_bn_eval", true, true, false, {{"ConvTranspose", 1}}},
  };
  for (const LayerRow& row : rows) {
    for (size_t spatial = 1; spatial <= 3; ++spatial) {
      INFO(row.upstream << " " << spatial << "d");
      GraphBuilder g;
      const ValueId x = g.input("x", image(spatial, 2));
      ValueId y = row.transposed ? conv_transpose(g, x, 2, 3, spatial) : conv(g, x, 2, 3, spatial);
      if (row.norm) y = batch_norm(g, y, 3);
      if (row.relu) y = relu(g, y);
      g.output(y);
      const Graph fused = fused_by(backend("native"), g.build());
      INFO(to_text(fused));
      CHECK(compute_ops(fused) == row.left);
      CHECK(activation_of(fused, row.left.begin()->first) == (row.relu ? "Relu" : ""));
    }
  }
}

TEST_CASE("test_fuse_linear_bn_eval, linear and its activations by backend", "[rows][fuse]") {
  struct Row {
    const char* upstream;
    const char* preset;
    bool norm;
    const char* activation;
    OpCounts left;
    const char* fused_activation;
  };
  const Row rows[] = {
      {"test_fuse_linear_bn_eval", "native", true, "", {{"Gemm", 1}}, ""},
      {"test_fuse_linear_bn_eval", "onednn", true, "", {{"Gemm", 1}}, ""},
      {"test_fuse_linear_bn_leaky_relu_onednn",
       "onednn",
       true,
       "LeakyRelu",
       {{"Gemm", 1}},
       "LeakyRelu"},
      {"test_linear_leaky_relu (onednn)", "onednn", false, "LeakyRelu", {{"Gemm", 1}}, "LeakyRelu"},
      {"test_linear_tanh_for_onednn", "onednn", false, "Tanh", {{"Gemm", 1}}, "Tanh"},
      {"test_linear_bn_leaky_relu_not_fused_by_default",
       "native",
       true,
       "LeakyRelu",
       {{"Gemm", 1}, {"LeakyRelu", 1}},
       ""},
      {"test_linear_tanh_not_fused_by_default",
       "native",
       false,
       "Tanh",
       {{"Gemm", 1}, {"Tanh", 1}},
       ""},
  };
  for (const Row& row : rows) {
    INFO(row.upstream << " " << row.preset);
    GraphBuilder g;
    ValueId y = linear(g, g.input("x", {3, 4}), 4, 5);
    if (row.norm) y = batch_norm(g, y, 5);
    if (*row.activation) y = g.node(row.activation, {y});
    g.output(y);
    const Graph fused = fused_by(backend(row.preset), g.build());
    CHECK(compute_ops(fused) == row.left);
    CHECK(activation_of(fused, "Gemm") == row.fused_activation);
  }
}

// In ONNX there is no BNReLU to fuse into: the pair is one pattern of prepare.
TEST_CASE("test_fuse_module_relu: BNReLU2d and BNReLU3d are quantized as one", "[rows][fuse]") {
  for (size_t spatial : {2u, 3u}) {
    GraphBuilder g;
    const ValueId norm = batch_norm(g, g.input("x", image(spatial, 3)), 3);
    g.output(relu(g, norm));
    const Routed routed = route(g.build(), route_options("native"));
    const Graph& source = routed.source;
    CHECK(routed.plan(source.value(norm).name).pattern == "(Relu, BatchNormalization)");
    CHECK(routed.plan("Relu_1_0").pattern == "(Relu, BatchNormalization)");
    CHECK(routed.slot(source.value(norm).name) == -1);  // nothing is observed between
    CHECK(pairs(routed.quantized) == Pairs{2, 2});
  }
}

// ---------------------------------------------------------------- residuals by backend
TEST_CASE("test_fuse_conv_bn_add_relu_onednn, conv_bn_add_relu_by_default, _lowering",
          "[rows][fuse]") {
  for (int bits = 0; bits < 16; ++bits) {
    const bool norm = bits & 1, with_relu = bits & 2, left = bits & 4, two_conv = bits & 8;
    INFO("bn " << norm << " relu " << with_relu << " left " << left << " two " << two_conv);
    GraphBuilder g;
    const ValueId x = g.input("x", {1, 3, 6, 6});
    ValueId layer = conv(g, x, 3, 3);
    if (norm) layer = batch_norm(g, layer, 3);
    ValueId other = x;
    if (two_conv) {
      other = conv(g, x, 3, 3);
      if (norm) other = batch_norm(g, other, 3);
    }
    ValueId y = g.node("Add", left ? std::vector{layer, other} : std::vector{other, layer});
    if (with_relu) y = relu(g, y);
    g.output(y);
    const Graph graph = g.build();

    const Graph onednn = fused_by(backend("onednn"), graph);
    OpCounts expected{{"ConvAdd", 1}};
    if (two_conv) expected["Conv"] = 1;
    CHECK(compute_ops(onednn) == expected);
    CHECK(activation_of(onednn, "ConvAdd") == (with_relu ? "Relu" : ""));

    const Graph native = fused_by(backend("native"), graph);
    CHECK(compute_ops(native) == OpCounts{{"Add", 1}, {"Conv", two_conv ? 2 : 1}});
    CHECK(activation_of(native, "Add") == (with_relu ? "Relu" : ""));

    const Routed routed = route(graph, route_options("onednn"));
    CHECK(compute_ops(routed.lowered).count("QLinearConvAdd") == 1);
    CHECK(pairs(routed.lowered) == Pairs{1, 1});
    CHECK(lowered_apart(routed) == "");
  }
}

// ---------------------------------------------------------------- custom patterns
// Patterns of the caller's that become a module of their own: "test:Block" of the root's inputs.
BackendConfig with_pattern(BackendPatternConfig row, std::string fused = "test:Block") {
  row.set_fuser_method("fused_module").set_fused_module(std::move(fused));
  BackendConfig config("custom");
  config.set_backend_pattern_config(std::move(row));
  return config;
}

Pattern relu_of_sum(Pattern left, Pattern right, const std::string& add = "Add") {
  return Pattern::of("Relu", {Pattern::of(add, {std::move(left), std::move(right)})});
}

// torch.add and operator.add are Add and Sum of two here: two identities of one meaning.
TEST_CASE("test_fuse_custom_pattern", "[rows][fuse]") {
  for (const char* add : {"Add", "Sum"}) {
    INFO(add);
    GraphBuilder g;
    const ValueId x = g.input("x", {1, 3, 6, 6});
    const ValueId first = max_pool(g, x, 1);
    const ValueId norm = batch_norm(g, conv(g, x, 3, 3), 3);
    g.output(relu(g, g.node(add, {first, norm})));
    BackendConfig config("custom");
    for (const char* op : {"Add", "Sum"}) {
      BackendPatternConfig row;
      row.set_pattern_complex_format(
          relu_of_sum(Pattern::match_all(), Pattern::forward({"Conv", "BatchNormalization"}), op));
      config.set_backend_pattern_config(
          row.set_fuser_method("fused_module").set_fused_module("test:Block"));
    }
    const Graph fused = fuse(g.build(), config);
    verify(fused);
    CHECK(compute_ops(fused) == OpCounts{{"Block", 1}});  // the operand, unused, is gone too
    CHECK(fused.node(fused.nodes()[0]).name == "Conv_1");
  }
}

TEST_CASE("test_fusion_pattern_with_multiple_inputs", "[rows][fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId side = g.node("Abs", {x});
  const ValueId norm = batch_norm(g, conv(g, x, 3, 3), 3);
  g.output(relu(g, g.node("Add", {norm, side})));
  BackendPatternConfig row;
  row.set_pattern_complex_format(
      relu_of_sum(Pattern::forward({"Conv", "BatchNormalization"}), Pattern::match_all()));
  row.set_root_node_getter("first").set_extra_inputs_getter("match_all");
  const Graph fused = fuse(g.build(), with_pattern(row));
  verify(fused);
  CHECK(compute_ops(fused) == OpCounts{{"Abs", 1}, {"Block", 1}});
  const Node& block = fused.node(fused.nodes().back());
  // x, weight, bias of the root, then the operand that MatchAllNode took: two tensors.
  CHECK(block.inputs().size() == 4);
  CHECK(block.input(0) == fused.find_value("x"));
  CHECK(block.input(3) == fused.find_value(g.graph().value(side).name));
}

TEST_CASE("test_fusion_pattern_with_matchallnode", "[rows][fuse]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId before = relu(g, conv(g, x, 3, 3));
  g.output(relu(g, g.node("Add", {before, conv(g, before, 3, 3)})));
  BackendPatternConfig residual;
  residual.set_pattern_complex_format(relu_of_sum(Pattern::match_all(), Pattern::of("Conv")))
      .set_extra_inputs_getter("match_all");
  BackendConfig config = with_pattern(residual);
  config.set_backend_pattern_config(
      BackendPatternConfig({"Conv", "Relu"}).set_fuser_method("conv_relu"));
  const Graph fused = fuse(g.build(), config);
  verify(fused);
  INFO(to_text(fused));
  CHECK(compute_ops(fused) == OpCounts{{"Conv", 1}, {"Block", 1}});  // both Relus are gone
  CHECK(activation_of(fused, "Conv") == "Relu");
}

TEST_CASE("test_pattern_match_constant: a literal in a pattern", "[rows][fuse]") {
  // getitem of the first element: Gather at 0. Any other index is another pattern.
  for (const int64_t index : {0, 1}) {
    GraphBuilder g;
    const ValueId x = g.input("x", {2, 3});
    const ValueId exp = g.node("Exp", {x});
    g.output(g.node("Gather", {exp, g.constant(Tensor::scalar(index), "index")}));
    BackendPatternConfig row;
    row.set_pattern_complex_format(
        Pattern::of("Gather", {Pattern::of("Exp"), Pattern::literal(0)}));
    row.set_root_node_getter("first");
    const Graph graph = g.build();
    Match match;
    CHECK(match_at(graph, graph.nodes()[1], row.pattern(), &match, nullptr) == (index == 0));
  }
}

TEST_CASE("test_match_pattern_with_multiple_args", "[rows][fuse]") {
  // Split of three inputs would be one; Clip with its bounds as data is the same shape of thing.
  GraphBuilder g;
  const ValueId x = g.input("x", {4}), lo = g.input("lo", {}), hi = g.input("hi", {});
  g.output(relu(g, g.node("Clip", {x, lo, hi})));
  const Graph graph = g.build();
  const Pattern any = Pattern::match_all();
  const auto matches = [&](std::vector<Pattern> args) {
    const Pattern pattern = Pattern::of("Relu", {Pattern::of("Clip", std::move(args))});
    return match_at(graph, graph.nodes()[1], pattern, nullptr, nullptr);
  };
  CHECK(matches({any, any, any}));
  CHECK(matches({}));
  CHECK_FALSE(matches({any}));
  CHECK_FALSE(matches({any, any, Pattern::of("Exp")}));
}

TEST_CASE("test_fusion_pattern_unquantized: the fused float node survives", "[rows][fuse]") {
  GraphBuilder g;
  g.output(relu(g, conv(g, g.input("x", {1, 3, 6, 6}), 3, 4)));
  RouteOptions options = route_options("native");
  options.mapping = QConfigMapping().set_global(std::nullopt);
  const Routed routed = route(g.build(), options);
  for (const Graph* graph : {&routed.quantized, &routed.lowered}) {
    CHECK(compute_ops(*graph) == OpCounts{{"Conv", 1}});
    CHECK(activation_of(*graph, "Conv") == "Relu");
    CHECK(pairs(*graph) == Pairs{0, 0});
  }
  check_same_numbers(routed.source, routed.lowered);
}

// ---------------------------------------------------------------- QConfigs of what was fused
TEST_CASE("test_qconfig_fused_module, test_problematic_fuse_example", "[rows][fuse]") {
  GraphBuilder g;
  g.output(relu(g, linear(g, g.input("x", {2, 4}), 4, 3)));
  const QConfig qconfig = default_qconfig();
  RouteOptions options = route_options("native");
  const auto mapped = [&](MaybeQConfig of_linear, MaybeQConfig of_relu) {
    options.mapping = QConfigMapping().set_global(std::nullopt);
    options.mapping.set_object_type("Gemm", of_linear).set_object_type("Relu", of_relu);
    return options;
  };
  const Routed both = route(g.build(), mapped(qconfig, qconfig));
  CHECK(both.plan("Relu_1_0").quantized);
  CHECK(compute_ops(both.lowered) == OpCounts{{"QGemm", 1}});
  CHECK(pairs(both.lowered) == Pairs{1, 1});
  const Routed neither = route(g.build(), mapped(std::nullopt, std::nullopt));
  CHECK_FALSE(neither.plan("Relu_1_0").quantized);
  CHECK(pairs(neither.lowered) == Pairs{0, 0});
  try {
    route(g.build(), mapped(qconfig, std::nullopt));
    FAIL("two QConfigs for one fused node");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    CHECK(error.message().find("Gemm and Relu have different QConfigs") != std::string::npos);
  }
}

// ---------------------------------------------------------------- FuseCustomConfig
TEST_CASE("test_fuse_custom_config_dict_validity, FuseCustomConfig from and to dict",
          "[rows][fuse]") {
  const FuseCustomConfig config = fuse_custom_config_from_json(R"({"preservedAttributes": ["a"]})");
  CHECK(config == FuseCustomConfig().set_preserved_attributes({"a"}));
  CHECK(fuse_custom_config_from_json(to_json(config)) == config);
  try {
    fuse_custom_config_from_json(R"({"typo": ["a"]})");
    FAIL("an unknown key");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    CHECK((error.message() + error.hint()).find("preservedAttributes") != std::string::npos);
  }
}

TEST_CASE("test_fuse_preserved_attributes: attributes of any member stay", "[rows][fuse]") {
  for (const bool preserve : {false, true}) {
    GraphBuilder g;
    const ValueId c = conv(g, g.input("x", {1, 3, 6, 6}), 3, 4);
    g.output(g.node("Relu", {c}, {{"origin", std::string("block3")}}));
    FuseCustomConfig custom;
    if (preserve) custom.set_preserved_attributes({"origin"});
    Fusing fusing(g.build(), backend("native"), {}, custom);
    REQUIRE_FALSE(fusing.next_round());
    const Graph fused = fusing.finish();
    REQUIRE(compute_ops(fused) == OpCounts{{"Conv", 1}});
    const Node& node = fused.node(fused.nodes()[0]);
    CHECK(node.string_attribute("origin", "") == (preserve ? "block3" : ""));
  }
}

}  // namespace
}  // namespace eightfold
