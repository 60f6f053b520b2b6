// Patterns as a caller of BackendConfig writes them, through fuse and prepare: the three notations,
// general subgraph patterns, precedence, users, claims (spec-facts 1.4, 1.7, 1.9; feature rows 1-10
// and 23). The matcher by itself: tests/pattern.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "pattern/match.h"
#include "quant/backends_dtypes.h"
#include "support/layers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

const Pattern kAny = Pattern::match_all();

PatternNode node_of(Pattern node, std::vector<std::string> inputs = {}) {
  return {std::move(node), std::move(inputs)};
}

Pattern one_of(std::vector<std::string> ops) {
  Pattern pattern = Pattern::of(ops[0]);
  pattern.ops = std::move(ops);
  return pattern;
}

Pattern commutative(Pattern pattern) {
  pattern.commutative = true;
  return pattern;
}

Pattern optional(Pattern pattern) {
  pattern.optional = true;
  return pattern;
}

BackendPatternConfig fused_graph(PatternGraph graph, std::string root = "",
                                 std::string extra = "") {
  BackendPatternConfig row;
  row.set_pattern_graph(std::move(graph)).set_fuser_method("fused_module");
  return row.set_fused_module("test:Block")
      .set_root_node_getter(std::move(root))
      .set_extra_inputs_getter(std::move(extra));
}

BackendConfig one_row(BackendPatternConfig row) {
  BackendConfig config("patterns");
  return config.set_backend_pattern_config(std::move(row));
}

struct Fused {
  Graph graph;
  OpCounts ops;
  Remarks remarks;
};
Fused fused(const Graph& graph, const BackendConfig& config) {
  Fused result;
  result.graph = fuse(graph, config, &result.remarks);
  verify(result.graph);
  result.ops = compute_ops(result.graph);
  return result;
}

template <typename Make>
std::string refusal(Make&& make) {
  try {
    make();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    return error.message();
  }
  return "not refused";
}

// x, and x through Abs: two values to add.
struct Sum {
  GraphBuilder g;
  ValueId x = g.input("x", {1, 3, 6, 6});
  ValueId side = g.node("Abs", {x});
  ValueId layer = conv(g, x, 3, 3);
};

// ---------------------------------------------------------------- notations
TEST_CASE("forward tuples, nested tuples and graphs of one pattern are one pattern",
          "[rows][pattern]") {
  PatternGraph graph;
  graph.nodes = {{"relu", node_of(Pattern::of("Relu"), {"norm"})},
                 {"norm", node_of(Pattern::of("BatchNormalization"), {"conv"})},
                 {"conv", node_of(Pattern::of("Conv"))}};
  graph.outputs = {"relu"};
  const Pattern nested =
      Pattern::of("Relu", {Pattern::of("BatchNormalization", {Pattern::of("Conv")})});
  BackendPatternConfig by_setter;
  by_setter.set_pattern({"Conv", "BatchNormalization", "Relu"});
  CHECK(by_setter.pattern() == nested);
  CHECK(BackendPatternConfig({"Conv", "BatchNormalization", "Relu"}).pattern() == nested);
  CHECK(to_text(BackendPatternConfig().set_pattern_graph(graph).pattern()) == to_text(nested));

  GraphBuilder g;
  g.output(relu(g, batch_norm(g, conv(g, g.input("x", {1, 3, 6, 6}), 3, 4), 4)));
  std::vector<BackendPatternConfig> rows(3);
  rows[0].set_pattern({"Conv", "BatchNormalization", "Relu"});
  rows[1].set_pattern_complex_format(nested);
  rows[2].set_pattern_graph(graph);
  for (BackendPatternConfig& row : rows) {
    row.set_fuser_method("conv_bn_relu");
    Fused result = fused(g.build(), one_row(row));
    CHECK(result.ops == OpCounts{{"Conv", 1}});
    CHECK(result.graph.node(result.graph.nodes()[0]).string_attribute("activation", "") == "Relu");
  }
}

TEST_CASE("one notation at a time, whatever the order; the legacy flag does nothing",
          "[rows][pattern]") {
  const Pattern nested = Pattern::of("Relu", {Pattern::of("Conv")});
  CHECK(refusal([&] {
          BackendPatternConfig({"Conv", "Relu"}).set_pattern_complex_format(nested);
        }) != "not refused");
  CHECK(refusal([&] {
          BackendPatternConfig().set_pattern_complex_format(nested).set_pattern({"Conv", "Relu"});
        }) != "not refused");
  CHECK(refusal([&] {
          PatternGraph graph;
          graph.nodes = {{"a", node_of(Pattern::of("Conv"))}};
          graph.outputs = {"a"};
          BackendPatternConfig("Conv").set_pattern_graph(graph);
        }) != "not refused");
  BackendPatternConfig plain({"Conv", "Relu"});
  BackendPatternConfig flagged = plain;
  CHECK(flagged.set_use_legacy_pattern_format(true) == plain);
  // configs is a list, in the order of setting.
  BackendConfig config;
  config.set_backend_pattern_configs({plain, BackendPatternConfig("Conv")});
  const std::vector<BackendPatternConfig>& list = config.configs();
  REQUIRE(list.size() == 2);
  CHECK(list[1].pattern() == Pattern::of("Conv"));
}

// The example of PyTorch's README: Linear, Conv and ReLU, and the fused ConvReLU2d.
TEST_CASE("the README's backend: Linear, Conv+ReLU, ConvReLU2d in a named backend",
          "[rows][pattern]") {
  const std::vector<DTypeConfig> weighted = dtypes_of("W8");
  BackendConfig config("my_backend");
  config
      .set_backend_pattern_config(
          BackendPatternConfig("Gemm")
              .set_observation_type(ObservationType::kOutputUseDifferentObserverAsInput)
              .set_dtype_configs(weighted)
              .set_root_module("Gemm")
              .set_qat_module("eightfold.qat:Gemm")
              .set_reference_quantized_module("Gemm"))
      .set_backend_pattern_config(BackendPatternConfig({"Conv", "Relu"})
                                      .set_dtype_configs(weighted)
                                      .set_fused_module("eightfold:Conv")
                                      .set_fuser_method("conv_relu"))
      .set_backend_pattern_config(BackendPatternConfig("eightfold:Conv")
                                      .set_dtype_configs(weighted)
                                      .set_root_module("Conv")
                                      .set_qat_module("eightfold.qat:Conv")
                                      .set_reference_quantized_module("Conv"));
  GraphBuilder g;
  const ValueId c = relu(g, conv(g, g.input("x", {1, 3, 6, 6}), 3, 4));
  g.output(linear(g, g.node("Flatten", {c}), 144, 5));
  const Routed routed = route(g.build(), {QConfigMapping().set_global(default_qconfig()), config});
  INFO(to_text(routed.lowered));
  CHECK(config.name() == "my_backend");
  // Flatten is no pattern of it: float between the two layers.
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearConv", 1}, {"Flatten", 1}, {"QGemm", 1}});
  CHECK(pairs(routed.quantized) == Pairs{4, 4});
  CHECK(lowered_apart(routed) == "");
}

// ---------------------------------------------------------------- named nodes
TEST_CASE("nodes of a graph are named: root and extra inputs by name", "[rows][pattern]") {
  for (const char* root : {"layer", "sum", "out"}) {
    INFO(root);
    Sum s;
    s.g.output(relu(s.g, s.g.node("Add", {s.side, s.layer})));
    PatternGraph graph;
    graph.nodes = {{"out", node_of(Pattern::of("Relu"), {"sum"})},
                   {"sum", node_of(Pattern::of("Add"), {"skip", "layer"})},
                   {"skip", node_of(kAny)},
                   {"layer", node_of(Pattern::of("Conv"))}};
    graph.outputs = {"out"};
    const BackendConfig config = one_row(fused_graph(graph, root, "skip"));
    if (std::string_view(root) != "layer") {
      // Its own inputs would be gone.
      CHECK(refusal([&] { fuse(s.g.build(), config); }).find("which is made inside of the match") !=
            std::string::npos);
      continue;
    }
    Fused result = fused(s.g.build(), config);
    CHECK(result.ops == OpCounts{{"Abs", 1}, {"Block", 1}});
    const Node& block = result.graph.node(result.graph.nodes().back());
    CHECK(block.name == "Conv_1");
    CHECK(block.inputs().back() == result.graph.find_value("Abs_0_0"));
  }
  PatternGraph graph;
  graph.nodes = {{"out", node_of(Pattern::of("Relu"))}};
  graph.outputs = {"out"};
  CHECK(refusal([&] {
          fuse(Graph(), one_row(fused_graph(graph, "nobody")));
        }).find("root node getter 'nobody'") != std::string::npos);
  CHECK(refusal([&] {
          fuse(Graph(), one_row(fused_graph(graph, "", "nobody")));
        }).find("extra inputs getter 'nobody'") != std::string::npos);
}

TEST_CASE("commutative: either order; otherwise the order is meant", "[rows][pattern]") {
  for (const bool both : {false, true}) {
    for (const bool layer_first : {false, true}) {
      INFO("commutative " << both << " layer first " << layer_first);
      Sum s;
      s.g.output(s.g.node(
          "Add", layer_first ? std::vector{s.layer, s.side} : std::vector{s.side, s.layer}));
      Pattern sum = Pattern::of("Add");
      sum.commutative = both;
      PatternGraph graph;
      graph.nodes = {{"sum", node_of(sum, {"layer", "skip"})},
                     {"layer", node_of(Pattern::of("Conv"))},
                     {"skip", node_of(kAny)}};
      graph.outputs = {"sum"};
      Fused result = fused(s.g.build(), one_row(fused_graph(graph, "layer", "skip")));
      const bool fits = both || layer_first;
      CHECK(result.ops["Block"] == (fits ? 1 : 0));
      CHECK(result.ops["Conv"] == (fits ? 0 : 1));
      if (!fits) continue;
      // The named node is the layer whichever side it stands on.
      const Node& block = result.graph.node(result.graph.nodes().back());
      CHECK(block.name == "Conv_1");
      CHECK(block.inputs().back() == result.graph.find_value("Abs_0_0"));
    }
  }
  CHECK(refusal([] {
          plain_forms(commutative(Pattern::of("Clip", {kAny, kAny, kAny})));
        }).find("commutative") != std::string::npos);
}

TEST_CASE("several operators for one node", "[rows][pattern]") {
  for (const auto& [op, fits] : {std::pair("Relu", true), std::pair("LeakyRelu", true),
                                 std::pair("Sigmoid", true), std::pair("Tanh", false)}) {
    INFO(op);
    Sum s;
    s.g.output(s.g.node(op, {s.layer}));
    PatternGraph graph;
    graph.nodes = {{"act", node_of(one_of({"Relu", "LeakyRelu", "Sigmoid"}), {"layer"})},
                   {"layer", node_of(Pattern::of("Conv"))}};
    graph.outputs = {"act"};
    CHECK(fused(s.g.build(), one_row(fused_graph(graph, "layer"))).ops["Block"] == (fits ? 1 : 0));
  }
}

// ---------------------------------------------------------------- conditions
TEST_CASE("attributes: a number, a text, absent, one of several", "[rows][pattern]") {
  using Value = AttributeCondition::Value;
  struct Row {
    const char* what;
    std::vector<Attribute> attributes;
    std::vector<AttributeCondition> conditions;
    bool fits;
  };
  const Row rows[] = {
      {"a whole number", {{"group", int64_t{1}}}, {{"group", {1.0}}}, true},
      {"another number", {{"group", int64_t{3}}}, {{"group", {1.0}}}, false},
      {"one of two", {{"group", int64_t{3}}}, {{"group", {1.0, 3.0}}}, true},
      {"absent is meant", {}, {{"group", {std::monostate()}}}, true},
      {"absent is not enough", {}, {{"group", {1.0}}}, false},
      {"absent or one", {}, {{"group", {std::monostate(), 1.0}}}, true},
      {"a text", {{"auto_pad", std::string("VALID")}}, {{"auto_pad", {"VALID"}}}, true},
      {"another text", {{"auto_pad", std::string("VALID")}}, {{"auto_pad", {"NOTSET"}}}, false},
      {"a text is no number", {{"auto_pad", std::string("1")}}, {{"auto_pad", {1.0}}}, false},
      {"two conditions, one fails",
       {{"group", int64_t{1}}},
       {{"group", {1.0}}, {"auto_pad", {"VALID"}}},
       false},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    GraphBuilder g;
    const ValueId x = g.input("x", {1, 3, 6, 6});
    const int64_t group = row.attributes.empty() ? 1
                          : std::holds_alternative<int64_t>(row.attributes[0].value)
                              ? std::get<int64_t>(row.attributes[0].value)
                              : 1;
    const ValueId w = g.constant(noise({3, 3 / group, 3, 3}), "w");
    std::vector<Attribute> attributes = row.attributes;
    // Not of Conv at all where a session would mind it: only looked at here.
    g.output(relu(g, g.node("Conv", {x, w}, attributes)));
    Pattern layer = Pattern::of("Conv");
    layer.attributes = row.conditions;
    const Pattern pattern = Pattern::of("Relu", {layer});
    const Graph graph = g.build();
    CHECK(match_at(graph, graph.nodes()[1], pattern, nullptr, nullptr) == row.fits);
  }
  // A float attribute is compared with the nearest float32: 0.1 is 0.1f.
  GraphBuilder g;
  g.output(g.node("LeakyRelu", {g.input("x", {4})}, {{"alpha", 0.1f}}));
  for (const auto& [alpha, fits] : {std::pair(Value(0.1), true), std::pair(Value(0.2), false)}) {
    Pattern leaky = Pattern::of("LeakyRelu");
    leaky.attributes = {{"alpha", {alpha}}};
    CHECK(match_at(g.graph(), g.graph().nodes()[0], leaky, nullptr, nullptr) == fits);
  }
}

TEST_CASE("constants: any, a value, a range, a count, an integer", "[rows][pattern]") {
  struct Row {
    const char* what;
    Tensor constant;
    ConstantCondition condition;
    bool fits;
  };
  const Tensor halves = f32({3}, {0.25f, 0.5f, 0.75f});
  const Row rows[] = {
      {"any", halves, {}, true},
      {"in the range", halves, {0.25, 0.75, {}}, true},
      {"one element below", halves, {0.3, 1, {}}, false},
      {"one element above", halves, {{}, 0.7, {}}, false},
      {"so many", halves, {{}, {}, 3}, true},
      {"another count", halves, {{}, {}, 1}, false},
      {"a literal", Tensor::scalar(6.0f), Pattern::literal(6).constant, true},
      {"0.1 is 0.1f", Tensor::scalar(0.1f), Pattern::literal(0.1).constant, true},
      {"another literal", Tensor::scalar(6.5f), Pattern::literal(6).constant, false},
      {"NaN is in no range", Tensor::scalar(NAN), {0, 1, {}}, false},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    GraphBuilder g;
    const ValueId x = g.input("x", {3});
    g.output(g.node("Mul", {g.node("Exp", {x}), g.constant(row.constant)}));
    Pattern constant;
    constant.kind = Pattern::Kind::kConstant;
    constant.constant = row.condition;
    const Pattern pattern = Pattern::of("Mul", {Pattern::of("Exp"), constant});
    CHECK(match_at(g.graph(), g.graph().nodes()[1], pattern, nullptr, nullptr) == row.fits);
    // What is computed is no constant.
    GraphBuilder computed;
    const ValueId y = computed.input("x", {3});
    computed.output(computed.node("Mul", {computed.node("Exp", {y}), y}));
    CHECK_FALSE(match_at(computed.graph(), computed.graph().nodes()[1], pattern, nullptr, nullptr));
  }
}

// ---------------------------------------------------------------- optional nodes
TEST_CASE("optional nodes may be missing, at the end of an edge and in the middle",
          "[rows][pattern]") {
  for (const bool norm : {false, true}) {
    for (const bool pooled : {false, true}) {
      INFO("norm " << norm << " pooled " << pooled);
      GraphBuilder g;
      const ValueId x = g.input("x", {1, 3, 6, 6});
      ValueId y = conv(g, pooled ? max_pool(g, x, 1) : x, 3, 3);
      if (norm) y = batch_norm(g, y, 3);
      g.output(relu(g, y));
      PatternGraph graph;
      graph.nodes = {{"act", node_of(Pattern::of("Relu"), {"norm"})},
                     {"norm", node_of(optional(Pattern::of("BatchNormalization")), {"layer"})},
                     {"layer", node_of(Pattern::of("Conv"), {"pool"})},
                     {"pool", node_of(optional(Pattern::of("MaxPool")), {"any"})},
                     {"any", node_of(kAny)}};
      graph.outputs = {"act"};
      Fused result = fused(g.build(), one_row(fused_graph(graph, pooled ? "pool" : "layer")));
      INFO(to_text(result.graph));
      // The largest form first: a MaxPool that is there is taken, though "any" would take it too.
      CHECK(result.ops["Block"] == 1);
      CHECK(result.ops["BatchNormalization"] == 0);
      CHECK(result.ops["Conv"] == 0);
      CHECK(result.graph.nodes().size() == 1);
    }
  }
}

// ---------------------------------------------------------------- several outputs
struct TwoOutputs {
  PatternGraph graph;
  TwoOutputs(bool declare_second) {
    graph.nodes = {{"left", node_of(Pattern::of("Sigmoid"), {"layer"})},
                   {"layer", node_of(Pattern::of("Conv"))}};
    graph.outputs = {"left"};
    if (declare_second) graph.outputs.push_back("layer");
  }
};

TEST_CASE("an inner value is read outside only where the pattern declares it", "[rows][pattern]") {
  for (const bool declared : {false, true}) {
    for (const bool read_outside : {false, true}) {
      INFO("declared " << declared << " read " << read_outside);
      Sum s;
      const ValueId left = s.g.node("Sigmoid", {s.layer});
      s.g.output(left);
      if (read_outside) s.g.output(s.g.node("Abs", {s.layer}));
      Fused result = fused(s.g.build(), one_row(fused_graph(TwoOutputs(declared).graph, "layer")));
      const bool fits = declared || !read_outside;
      CHECK(result.ops["Block"] == (fits ? 1 : 0));
      if (!fits) {
        const auto remark = std::ranges::find(result.remarks, "not_fused", &Remark::kind);
        REQUIRE(remark != result.remarks.end());
        CHECK(remark->reason.find("has 2 users") != std::string::npos);
        continue;
      }
      const Node& block = *result.graph.producer(result.graph.find_value("Sigmoid_2_0"));
      CHECK(block.outputs().size() == (read_outside ? 2 : 1));
      if (read_outside) CHECK(block.output(1) == result.graph.find_value("Conv_1_0"));
    }
  }
}

TEST_CASE("two heads over one trunk: a repeated node is one node", "[rows][pattern]") {
  PatternGraph graph;
  graph.nodes = {{"product", node_of(Pattern::of("Mul"), {"gate", "layer"})},
                 {"gate", node_of(Pattern::of("Sigmoid"), {"layer"})},
                 {"layer", node_of(Pattern::of("Conv"))}};
  graph.outputs = {"product"};
  SECTION("SiLU: the layer is read twice inside") {
    Sum s;
    s.g.output(s.g.node("Mul", {s.g.node("Sigmoid", {s.layer}), s.layer}));
    CHECK(fused(s.g.build(), one_row(fused_graph(graph, "layer"))).ops == OpCounts{{"Block", 1}});
  }
  SECTION("two layers that look alike are not one") {
    Sum s;
    s.g.output(s.g.node("Mul", {s.g.node("Sigmoid", {s.layer}), conv(s.g, s.x, 3, 3)}));
    CHECK(fused(s.g.build(), one_row(fused_graph(graph, "layer"))).ops["Block"] == 0);
  }
  SECTION("two nodes of a pattern are two nodes of the graph") {
    PatternGraph twice;
    twice.nodes = {{"sum", node_of(Pattern::of("Add"), {"one", "two"})},
                   {"one", node_of(Pattern::of("Conv"))},
                   {"two", node_of(Pattern::of("Conv"))}};
    twice.outputs = {"sum"};
    Sum same;
    same.g.output(same.g.node("Add", {same.layer, same.layer}));
    CHECK(fused(same.g.build(), one_row(fused_graph(twice, "one"))).ops["Block"] == 0);
    Sum different;
    different.g.output(
        different.g.node("Add", {different.layer, conv(different.g, different.x, 3, 3)}));
    CHECK(fused(different.g.build(), one_row(fused_graph(twice, "one"))).ops["Block"] == 1);
  }
}

// A second output whose operand is computed from the first: one node could not be both.
TEST_CASE("a match whose input comes from itself is refused", "[rows][pattern]") {
  PatternGraph graph;
  graph.nodes = {{"sum", node_of(Pattern::of("Add"), {"layer", "other"})},
                 {"layer", node_of(Pattern::of("Conv"))},
                 {"other", node_of(kAny)}};
  graph.outputs = {"sum", "layer"};
  for (const bool from_itself : {false, true}) {
    Sum s;
    const ValueId other = s.g.node("Exp", {from_itself ? s.layer : s.x});
    s.g.output(s.g.node("Add", {s.layer, other}));
    s.g.output(s.layer);
    Fused result = fused(s.g.build(), one_row(fused_graph(graph, "layer", "other")));
    CHECK(result.ops["Block"] == (from_itself ? 0 : 1));
    if (!from_itself) continue;
    const auto remark = std::ranges::find(result.remarks, "not_fused", &Remark::kind);
    REQUIRE(remark != result.remarks.end());
    CHECK(remark->reason.find("computed from") != std::string::npos);
  }
}

TEST_CASE("pattern graphs that mean nothing are refused", "[rows][pattern]") {
  struct Row {
    const char* what;
    std::vector<std::pair<std::string, PatternNode>> nodes;
    std::vector<std::string> outputs;
    const char* says;
  };
  const auto op = [](const char* name, std::vector<std::string> inputs = {}) {
    return node_of(Pattern::of(name), std::move(inputs));
  };
  const Row rows[] = {
      {"a cycle", {{"a", op("Relu", {"b"})}, {"b", op("Conv", {"a"})}}, {"a"}, "has a cycle"},
      {"a node that reads itself", {{"a", op("Relu", {"a"})}}, {"a"}, "has a cycle"},
      {"a node that no output reaches",
       {{"a", op("Relu", {"b"})}, {"b", op("Conv")}, {"c", op("Add")}},
       {"a"},
       "'c' that no output reaches"},
      {"a name twice", {{"a", op("Relu")}, {"a", op("Conv")}}, {"a"}, "two nodes named 'a'"},
      {"a name that is not there",
       {{"a", op("Relu", {"b"})}},
       {"a"},
       "'b', which it does not have"},
      {"no outputs", {{"a", op("Relu")}}, {}, "no outputs"},
      {"an anchor that is no operator", {{"a", node_of(kAny)}}, {"a"}, "no operator"},
      {"an optional anchor",
       {{"a", node_of(optional(Pattern::of("Relu")), {"b"})}, {"b", op("Conv")}},
       {"a"},
       "optional"},
      {"two outputs that share nothing",
       {{"a", op("Relu", {"b"})}, {"b", op("Conv")}, {"c", op("Relu", {"d"})}, {"d", op("Conv")}},
       {"a", "c"},
       "shares no node"},
      {"inputs of MatchAllNode",
       {{"a", op("Relu", {"b"})}, {"b", node_of(kAny, {"c"})}, {"c", op("Conv")}},
       {"a"},
       "gives inputs"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    PatternGraph graph{row.nodes, row.outputs};
    const std::string message = refusal([&] { BackendPatternConfig().set_pattern_graph(graph); });
    CHECK(message.find(row.says) != std::string::npos);
  }
}

// ---------------------------------------------------------------- users, MatchAllNode, claims
TEST_CASE("single users: the anchor may have many, inner nodes one", "[rows][pattern]") {
  const BackendConfig config =
      one_row(BackendPatternConfig({"Conv", "Relu"}).set_fuser_method("conv_relu"));
  Sum anchor;
  const ValueId y = relu(anchor.g, anchor.layer);
  for (const char* op : {"Exp", "Abs"}) anchor.g.output(anchor.g.node(op, {y}));
  CHECK(fused(anchor.g.build(), config).ops["Relu"] == 0);
  Sum inner;
  inner.g.output(relu(inner.g, inner.layer));
  inner.g.output(inner.g.node("Exp", {inner.layer}));
  CHECK(fused(inner.g.build(), config).ops["Relu"] == 1);
  Sum output;
  output.g.output(relu(output.g, output.layer));
  output.g.output(output.layer);
  CHECK(fused(output.g.build(), config).ops["Relu"] == 1);
}

TEST_CASE(
    "MatchAllNode takes values of any number of users, inputs and constants, and claims "
    "nothing",
    "[rows][pattern]") {
  BackendPatternConfig row;
  row.set_pattern_complex_format(Pattern::of("Add", {kAny, Pattern::of("Conv")}))
      .set_fuser_method("fused_module")
      .set_fused_module("test:Block")
      .set_extra_inputs_getter("match_all");
  struct Case {
    const char* what;
    ValueId (*operand)(Sum& s);
    int nodes;  // besides the block
  };
  const Case cases[] = {
      {"a node that others read",
       [](Sum& s) {
         s.g.output(s.side);
         return s.side;
       },
       1},
      {"a graph input", [](Sum& s) { return s.x; }, 0},
      {"a constant", [](Sum& s) { return s.g.constant(noise({1, 3, 6, 6}), "k"); }, 0},
  };
  for (const Case& one : cases) {
    INFO(one.what);
    Sum s;
    const ValueId operand = one.operand(s);
    s.g.output(s.g.node("Add", {operand, s.layer}));
    Fused result = fused(s.g.build(), one_row(row));
    CHECK(result.ops["Block"] == 1);
    CHECK(static_cast<int>(result.graph.nodes().size()) == 1 + one.nodes);
    const Node& block = result.graph.node(result.graph.nodes().back());
    CHECK(result.graph.value(block.inputs().back()).name == s.g.graph().value(operand).name);
  }
}

TEST_CASE("(add, c, c): the same value as root and as extra input is refused", "[rows][pattern]") {
  for (const bool layer_first : {false, true}) {
    BackendPatternConfig row;
    row.set_pattern_complex_format(Pattern::of("Add", layer_first
                                                          ? std::vector{Pattern::of("Conv"), kAny}
                                                          : std::vector{kAny, Pattern::of("Conv")}))
        .set_fuser_method("fused_module")
        .set_fused_module("test:Block")
        .set_root_node_getter(layer_first ? "first" : "last");
    Sum s;
    s.g.output(s.g.node("Add", {s.layer, s.layer}));
    Fused result = fused(s.g.build(), one_row(row));
    CHECK(result.ops == OpCounts{{"Conv", 1}, {"Add", 1}});
    const auto remark = std::ranges::find(result.remarks, "not_fused", &Remark::kind);
    REQUIRE(remark != result.remarks.end());
    CHECK(remark->reason.find("takes the same value twice") != std::string::npos);
  }
}

TEST_CASE("precedence: the larger pattern, whatever the order of the rows; then that order",
          "[rows][pattern]") {
  // Each row makes a module of its own name, so that the result tells which was applied.
  const auto row = [](std::vector<std::string> ops, const char* fused) {
    BackendPatternConfig config(std::move(ops));
    return config.set_fuser_method("fused_module").set_fused_module(fused);
  };
  const BackendPatternConfig small = row({"BatchNormalization", "Relu"}, "test:Small");
  const BackendPatternConfig large = row({"Conv", "BatchNormalization", "Relu"}, "test:Large");
  const auto applied = [](std::vector<BackendPatternConfig> rows) {
    GraphBuilder g;
    g.output(relu(g, batch_norm(g, conv(g, g.input("x", {1, 3, 6, 6}), 3, 3), 3)));
    BackendConfig config("precedence");
    config.set_backend_pattern_configs(std::move(rows));
    return fused(g.build(), config).ops;
  };
  CHECK(applied({small, large}) == OpCounts{{"Large", 1}});
  CHECK(applied({large, small}) == OpCounts{{"Large", 1}});
  CHECK(applied({small}) == OpCounts{{"Conv", 1}, {"Small", 1}});
  // Of equal size the earlier row: a bare MatchAllNode counts as one leaf like an op.
  BackendPatternConfig wide;
  wide.set_pattern_complex_format(Pattern::of("Relu", {kAny}))
      .set_fuser_method("fused_module")
      .set_fused_module("test:Wide")
      .set_root_node_getter("anchor");
  CHECK(applied({wide, small})["Wide"] == 1);
  CHECK(applied({small, wide})["Small"] == 1);
}

TEST_CASE("nodes are claimed from the end of the graph, once", "[rows][pattern]") {
  // Conv Relu Conv Relu with a pattern (Conv, Relu, Conv): the last fit wins, the rest is left.
  GraphBuilder g;
  ValueId y = g.input("x", {1, 3, 6, 6});
  for (int i = 0; i < 3; ++i) y = conv(g, relu(g, y), 3, 3);
  g.output(y);
  const Pattern pattern = Pattern::forward({"Conv", "Relu", "Conv"});
  const Graph graph = g.build();
  const std::vector<Match> found = find_matches(graph, std::vector{pattern});
  REQUIRE(found.size() == 1);
  CHECK(found[0].anchor == graph.nodes().back());
  CHECK(found[0].claimed.size() == 3);
}

// ---------------------------------------------------------------- patterns that prepare claims
TEST_CASE("a general pattern without a fuser is quantized as one", "[rows][pattern]") {
  PatternGraph graph;
  graph.nodes = {{"out", node_of(one_of({"Sigmoid", "Tanh"}), {"sum"})},
                 {"sum", node_of(commutative(Pattern::of("Add")), {"layer", "skip"})},
                 {"layer", node_of(Pattern::of("Gemm"))},
                 {"skip", node_of(kAny)}};
  graph.outputs = {"out"};
  BackendPatternConfig row;
  row.set_pattern_graph(graph).set_root_node_getter("layer").set_dtype_configs(dtypes_of("W8"));
  GraphBuilder g;
  const ValueId x = g.input("x", {2, 4});
  const ValueId sum = g.node("Add", {x, linear(g, x, 4, 4, "fc")}, {{}, {}, "sum"});
  g.output(g.node("Tanh", {sum}, {{}, {}, "out"}));
  const Routed routed =
      route(g.build(), {QConfigMapping().set_global(default_qconfig()), one_row(row)});
  INFO(to_text(routed.quantized));
  for (const char* value : {"fc_0", "sum_0", "out_0"}) {
    CHECK(routed.plan(value).quantized);
    CHECK(routed.plan(value).root ==
          routed.prepared.graph.value(routed.prepared.graph.find_value("fc_0")).producer());
  }
  // Observed where the pattern begins and ends, and nowhere between.
  CHECK(routed.slot("x") >= 0);
  CHECK(routed.slot("fc_0") == -1);
  CHECK(routed.slot("sum_0") == -1);
  CHECK(routed.slot("out_0") >= 0);
  CHECK(lowered_apart(routed) == "");
}

}  // namespace
}  // namespace eightfold
