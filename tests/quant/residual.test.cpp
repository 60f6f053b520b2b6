// Residual convolutions along the route: fused, prepared, converted, lowered, unfolded.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "ir/text.h"
#include "ir/verify.h"
#include "quant/data_inputs.h"
#include "quant/fusers/fuser.h"
#include "quant/unfold.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/matchers.h"

namespace eightfold {
namespace {

using namespace test;

// ---- fusing
Pattern with_relu(Pattern pattern, bool relu) {
  return relu ? Pattern::of("Relu", {std::move(pattern)}) : pattern;
}

// Every pattern of the two fusers, largest first.
struct Rows {
  std::vector<Pattern> patterns;
  std::vector<std::string> fusers;
};
Rows residual_rows() {
  Rows rows;
  const Pattern any = Pattern::match_all();
  for (const bool relu : {true, false}) {
    for (const Pattern& layer :
         {Pattern::forward({"Conv", "BatchNormalization"}), Pattern::of("Conv")}) {
      for (const auto& operands : {std::vector{layer, any}, std::vector{any, layer}}) {
        rows.patterns.push_back(with_relu(Pattern::of("Add", operands), relu));
        rows.fusers.push_back(relu ? "conv_add_relu" : "conv_add");
      }
    }
  }
  return rows;
}

Fuser fuser_named(const std::string& name) {
  for (const Fuser& fuser : residual_fusers()) {
    if (fuser.name == name) return fuser;
  }
  FAIL("no fuser " << name);
  return {};
}

// One round over the graph; the reasons of what was refused.
std::vector<std::string> apply(Graph& graph) {
  const Rows rows = residual_rows();
  std::vector<NearMiss> near_misses;
  MatchOptions options;
  options.data_inputs = data_inputs;
  options.near_misses = &near_misses;
  const auto fuser_of = [&](const Match& match) {
    return fuser_named(rows.fusers[static_cast<size_t>(match.pattern)]);
  };
  options.accept = [&](const Match& match, std::string* why_not) {
    const Verdict verdict = fuser_of(match).check(graph, match);
    *why_not = verdict.reason;
    return verdict.ok;
  };
  for (const Match& match : find_matches(graph, rows.patterns, options)) {
    fuser_of(match).rewrite(graph, match);
  }
  std::vector<std::string> reasons;
  for (const NearMiss& miss : near_misses) reasons.push_back(miss.reason);
  return reasons;
}

void check_same_numbers(const Graph& before, const Graph& after) {
  Feeds feeds;
  uint32_t seed = 40;
  for (ValueId id : before.required_inputs()) {
    Shape shape;
    for (const Dim& dim : *before.value(id).type.dims) shape.push_back(dim.known() ? dim.value : 2);
    feeds.push_back({before.value(id).name, noise(shape, -2, 2, ++seed)});
  }
  const auto want = Session(before).run(feeds), got = Session(after).run(feeds);
  REQUIRE(want.size() == got.size());
  for (size_t i = 0; i < want.size(); ++i) {
    CHECK(difference(got[i].tensor, want[i].tensor, kFloatSums) == "");
  }
}

struct Block {
  bool conv_first, norm, relu, bias;
};

// x -> Conv -> [BatchNormalization] -> Add with what z becomes after it -> [Relu]
Graph block_graph(const Block& block) {
  GraphBuilder g;
  const ValueId x = g.input("x", {-1, 3, 6, 6});
  const ValueId z = g.input("z", {-1, 4, 6, 6});
  std::vector<ValueId> inputs{x, g.constant(noise({4, 3, 3, 3}))};
  if (block.bias) inputs.push_back(g.constant(noise({4})));
  ValueId layer = g.node("Conv", inputs, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  if (block.norm) {
    layer =
        g.node("BatchNormalization",
               {layer, g.constant(noise({4}, 0.5f, 1.5f, 11)), g.constant(noise({4}, -1, 1, 12)),
                g.constant(noise({4}, -1, 1, 13)), g.constant(noise({4}, 0.1f, 2, 14))});
  }
  const ValueId other = g.node("Abs", {z});  // after the convolution in the order of nodes
  ValueId y =
      g.node("Add", block.conv_first ? std::vector{layer, other} : std::vector{other, layer});
  if (block.relu) y = g.node("Relu", {y});
  g.output(y);
  Graph graph = g.build();
  infer_types(graph);
  return graph;
}

TEST_CASE("a convolution and what is added to it become ConvAdd", "[fuse][residual]") {
  for (int bits = 0; bits < 16; ++bits) {
    const Block block{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
    const Graph graph = block_graph(block);
    Graph fused = graph;
    CHECK(apply(fused).empty());
    update_imports(fused);
    fused.stage = Stage::kFused;
    INFO(to_text(fused));
    verify(fused);
    REQUIRE(fused.nodes().size() == 2);
    const Node& node = fused.node(fused.nodes().back());
    CHECK(node.is("ConvAdd", kEightfoldDomain));
    CHECK(node.name == "Conv_0");
    CHECK(node.string_attribute("activation", "") == (block.relu ? "Relu" : ""));
    CHECK(fused.value(node.output(0)).name == graph.value(graph.outputs[0]).name);
    check_same_numbers(graph, fused);
  }
}

TEST_CASE("sums that are no residual stay apart, and say why", "[fuse][residual]") {
  struct Row {
    const char* what;
    const char* reason;  // null: not meant for it, so nothing is said
    ValueId (*other)(GraphBuilder& g, ValueId conv);
    DType dtype = DType::kFloat32;
  };
  const Row rows[] = {
      {"a constant", nullptr,
       [](GraphBuilder& g, ValueId) { return g.constant(noise({1, 4, 6, 6})); }},
      {"broadcasting along the image",
       "Add broadcasts: its operands are [1, 4, 6, 6] and [1, 4, 1, 1]",
       [](GraphBuilder& g, ValueId) { return g.input("z", {1, 4, 1, 1}); }},
      {"a lower rank", "Add broadcasts: its operands are [1, 4, 6, 6] and [6]",
       [](GraphBuilder& g, ValueId) { return g.input("z", {6}); }},
      {"a batch that may be 1", "Add broadcasts: its operands are [1, 4, 6, 6] and [N, 4, 6, 6]",
       [](GraphBuilder& g, ValueId) { return g.input("z", {-1, 4, 6, 6}); }},
      {"itself", "twice", [](GraphBuilder&, ValueId conv) { return conv; }},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    GraphBuilder g;
    const ValueId x = g.input("x", {1, 3, 8, 8});
    const ValueId conv = g.node("Conv", {x, g.constant(noise({4, 3, 3, 3}))});
    g.output(g.node("Add", {conv, row.other(g, conv)}));
    Graph graph = g.build();
    infer_types(graph);
    const std::string before = to_text(graph);
    const std::vector<std::string> reasons = apply(graph);
    CHECK(to_text(graph) == before);
    CHECK(reasons.empty() == (row.reason == nullptr));
    for (const std::string& reason : reasons) CHECK(reason.find(row.reason) != std::string::npos);
  }
}

TEST_CASE("a sum of doubles is no residual", "[fuse][residual]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 8, 8}, DType::kFloat64);
  const ValueId z = g.input("z", {1, 4, 6, 6}, DType::kFloat64);
  const ValueId w = g.constant(Tensor::allocate(DType::kFloat64, {4, 3, 3, 3}));
  g.output(g.node("Add", {g.node("Conv", {x, w}), z}));
  Graph graph = g.build();
  infer_types(graph);
  CHECK(apply(graph) == std::vector<std::string>{"an operand of Add is float64, not float32"});
}

TEST_CASE("of two convolutions in a sum one takes the other's result", "[fuse][residual]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId a = g.node("Conv", {x, g.constant(noise({4, 3, 1, 1}))});
  const ValueId b = g.node("Conv", {x, g.constant(noise({4, 3, 1, 1}, -1, 1, 2))});
  g.output(g.node("Add", {a, b}));
  const Graph graph = g.build();
  Graph fused = graph;
  infer_types(fused);
  apply(fused);
  update_imports(fused);
  fused.stage = Stage::kFused;
  verify(fused);
  CHECK(count_ops(fused, "ConvAdd", "eightfold") == 1);
  CHECK(count_ops(fused, "Conv") == 1);
  check_same_numbers(graph, fused);
}

// ---- the route behind it
// x -> Conv -> a;  a, x -> ConvAdd with `activation` -> y
Graph two_layers(std::vector<Attribute> activation, bool bias = true, int64_t group = 1) {
  Sketch s(17);
  const ValueId x = s.input("x", {2, 4, 6, 6});
  const ValueId a = s.node("Conv", {x, s.constant("v", noise({4, 4, 1, 1}))}, {}, "a");
  const ValueId w = s.constant("w", noise({4, 4 / group, 3, 3}, -1, 1, 5));
  const ValueId b = bias ? s.constant("b", noise({4}, -1, 1, 6)) : kNone;
  activation.push_back({"pads", std::vector<int64_t>{1, 1, 1, 1}});
  activation.push_back({"group", group});
  const ValueId y = s.node("ConvAdd", {a, w, b, x}, std::move(activation), "y", "eightfold");
  s.graph.stage = Stage::kFused;
  return s.finish({y});
}

const std::vector<Attribute> kRelu{{"activation", std::string("Relu")}};
const std::vector<Attribute> kClip{
    {"activation", std::string("Clip")}, {"activation_min", -0.5f}, {"activation_max", 1.0f}};

BackendConfig residual_backend() {
  BackendConfig backend("residual");
  DTypeConfig dtypes;
  dtypes.input.dtype = dtypes.output.dtype = DType::kUint8;
  dtypes.weight.dtype = DType::kInt8;
  for (const char* op : {"Conv", "eightfold:ConvAdd"}) {
    BackendPatternConfig row;
    row.set_pattern({op});
    row.dtype_configs = {dtypes};
    backend.set_backend_pattern_config(row);
  }
  return backend;
}

Feeds sample() { return {{"x", noise({2, 4, 6, 6}, -1, 1, 21)}}; }

struct Routed {
  Graph fused, quantized, lowered;
};

Routed route(const Graph& fused, bool correct_bias = false) {
  QConfigMapping mapping;
  mapping.set_global(default_qconfig());
  PreparedModel prepared = prepare(fused, mapping, residual_backend());
  Calibrator(prepared).observe(sample());
  if (correct_bias) {
    BiasCorrector corrector(prepared);
    corrector.observe(sample());
    corrector.finish();
  }
  Remarks remarks;
  Routed routed{fused, convert(prepared, &remarks), {}};
  verify(routed.quantized);
  routed.lowered = lower(routed.quantized, &remarks);
  verify(routed.lowered);
  for (const Remark& remark : remarks) UNSCOPED_INFO(remark.node << ": " << remark.reason);
  CHECK(remarks.empty());
  return routed;
}

Tensor run(const Graph& graph) { return Session(graph).run(sample())[0].tensor; }

float output_scale(const Graph& lowered) {
  const Node& node = lowered.node(producer_of(lowered, "y_quantized"));
  return lowered.constant(node.input(6))->data<float>()[0];
}

// One step at most, and that seldom: the float sums of the one may stand on a tie.
void check_within_a_step(const Tensor& a, const Tensor& b, float step) {
  REQUIRE(a.size() == b.size());
  int off = 0;
  for (size_t i = 0; i < static_cast<size_t>(a.size()); ++i) {
    const float apart = std::fabs(a.data<float>()[i] - b.data<float>()[i]);
    REQUIRE(apart <= step * 1.001f);
    off += apart > step * 0.001f ? 1 : 0;
  }
  CHECK(off * 50 <= static_cast<int>(a.size()));
}

TEST_CASE("ConvAdd goes the whole route to integers", "[residual]") {
  struct Row {
    const char* what;
    std::vector<Attribute> activation;
    bool bias, correct;
    int64_t group;
  };
  const Row rows[] = {
      {"a Relu", kRelu, true, false, 1},
      {"no activation, no bias", {}, false, false, 1},
      {"a Clip", kClip, true, false, 1},
      {"depthwise", kRelu, true, false, 4},
      {"a correction where there was no bias", kRelu, false, true, 1},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.what) {
      const Routed routed = route(two_layers(row.activation, row.bias, row.group), row.correct);
      INFO(to_text(routed.lowered));
      CHECK(count_ops(routed.lowered, "QLinearConvAdd", "eightfold") == 1);
      CHECK(count_ops(routed.lowered, "QLinearConv") == 1);
      CHECK(count_ops(routed.lowered, "QuantizeLinear") == 1);
      CHECK(count_ops(routed.lowered, "DequantizeLinear") == 1);
      const Node& node = routed.lowered.node(producer_of(routed.lowered, "y_quantized"));
      CHECK(node.inputs().size() == 12);
      CHECK((node.input(8) != kNone) == (row.bias || row.correct));
      CHECK(node.input(9) == routed.lowered.find_value("x_quantized"));
      CHECK_FALSE(node.has_attribute("activation"));
      const float step = output_scale(routed.lowered);
      check_within_a_step(run(routed.lowered), run(routed.quantized), step);
      // 36 products of inputs rounded to 0.018: an error of 0.02 is usual, 0.1 is a fault.
      CHECK(difference(run(routed.lowered), run(routed.fused), {0, 0.1f + step}) == "");
    }
  }
}

TEST_CASE("a clamp that the range does not imply is on the int8 residual", "[residual]") {
  const Graph fused = two_layers(kRelu);
  HandPrepared hand(fused);
  hand.observe("x", 0.01f, 128).observe("a", 0.03f, 128).observe("y", 0.05f, 100);
  hand.quantize("a").quantize("y", false);
  const Graph quantized = convert(hand.model);
  const Graph lowered = lower(quantized);
  const Node& node = lowered.node(producer_of(lowered, "y_quantized"));
  CHECK(node.int_attribute("clamp_min", -1) == 100);
  CHECK(node.int_attribute("clamp_max", -1) == 255);
  check_within_a_step(run(lowered), run(quantized), 0.05f);
}

TEST_CASE("a residual that is not quantized keeps the layer float, and says so", "[residual]") {
  HandPrepared hand(two_layers(kRelu));
  hand.observe("a", 0.03f, 128).observe("y", 0.05f, 0).quantize("y");
  Remarks remarks;
  const Graph lowered = lower(convert(hand.model), &remarks);
  CHECK(count_ops(lowered, "ConvAdd", "eightfold") == 1);
  const auto remark = std::ranges::find(remarks, "node_y", &Remark::node);
  REQUIRE(remark != remarks.end());
  CHECK(remark->reason == "its input 'x' is not quantized to 8 bits");
}

// ---- plain ONNX
bool is_plain(const Graph& graph) {
  return std::ranges::all_of(graph.nodes(), [&](NodeId id) {
    return graph.node(id).domain.empty() || graph.node(id).domain == kMicrosoftDomain;
  });
}

TEST_CASE("ConvAdd unfolds to Conv, Add and its activation", "[residual]") {
  for (const bool bias : {true, false}) {
    for (const auto& [activation, op] : {std::pair(kRelu, "Relu"), std::pair(kClip, "Clip"),
                                         std::pair(std::vector<Attribute>{}, "")}) {
      const Graph fused = two_layers(activation, bias);
      const Graph plain = unfold(fused);
      INFO(to_text(plain));
      verify(plain);
      CHECK(is_plain(plain));
      CHECK(count_ops(plain, "Conv") == 2);
      CHECK(count_ops(plain, "Add") == 1);
      CHECK(plain.nodes().size() == (std::string_view(op).empty() ? 3 : 4));
      if (!std::string_view(op).empty()) CHECK(count_ops(plain, op) == 1);
      CHECK(difference(run(plain), run(fused)) == "");
    }
  }
}

TEST_CASE("the files of a residual model are plain ONNX with its numbers", "[residual]") {
  for (const auto& activation : {kRelu, std::vector<Attribute>{}}) {
    DYNAMIC_SECTION(activation.size() << " attributes of activation") {
      const Routed routed = route(two_layers(activation));
      const Graph qdq = to_qdq(routed.quantized);
      verify(qdq);
      CHECK(is_plain(qdq));
      CHECK(difference(run(qdq), run(routed.quantized)) == "");

      const Graph file = to_qoperator(routed.lowered);
      INFO(to_text(file));
      verify(file);
      CHECK(is_plain(file));
      CHECK(count_ops(file, "QLinearConv") == 1);
      CHECK(count_ops(file, "Conv") == 1);
      CHECK(count_ops(file, "Add") == 1);
      CHECK(count_ops(file, "QuantizeLinear") == 2);
      check_within_a_step(run(file), run(routed.lowered), output_scale(routed.lowered));
    }
  }
}

TEST_CASE("a clamp of the int8 residual is written as the float op it stands for", "[residual]") {
  struct Row {
    std::vector<Attribute> activation;
    int32_t zero_point;
    const char* op;
  };
  for (const Row& row : {Row{kRelu, 100, "Relu"}, Row{kClip, 100, "Clip"}, Row{kRelu, 0, ""}}) {
    HandPrepared hand(two_layers(row.activation));
    hand.observe("x", 0.01f, 128).observe("a", 0.03f, 128).observe("y", 0.05f, row.zero_point);
    hand.quantize("a").quantize("y");
    const Graph lowered = lower(convert(hand.model));
    const Graph file = to_qoperator(lowered);
    INFO(to_text(file));
    verify(file);
    CHECK(is_plain(file));
    CHECK(count_ops(file, "Relu") == (row.op == std::string_view("Relu") ? 1 : 0));
    CHECK(count_ops(file, "Clip") == (row.op == std::string_view("Clip") ? 1 : 0));
    check_within_a_step(run(file), run(lowered), 0.05f);
  }
}

}  // namespace
}  // namespace eightfold
