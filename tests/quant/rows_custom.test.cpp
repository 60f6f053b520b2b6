// PrepareCustomConfig and ConvertCustomConfig along the route, row by row after PyTorch's
// TestQuantizeFx (spec-facts 2.4, 5.3, 6.3): quantized inputs and outputs, standalone modules,
// custom modules, non-traceable modules, preserved attributes.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "core/qparams.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "support/layers.h"
#include "support/matchers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

RouteOptions with_prepare(std::string_view preset, PrepareCustomConfig custom) {
  RouteOptions options = full_range(preset);
  options.prepare = std::move(custom);
  return options;
}

const Tensor& constant(const Graph& graph, const std::string& name) {
  INFO(name);
  const Tensor* tensor = graph.constant(graph.find_value(name));
  REQUIRE(tensor != nullptr);
  return *tensor;
}

// The parameters that a converted graph has under a name.
struct Params {
  float scale;
  int32_t zero_point;
};
Params params_of(const Graph& graph, const std::string& name) {
  return {constant(graph, name + "_scale").data<float>()[0],
          constant(graph, name + "_zero_point").data<uint8_t>()[0]};
}

Tensor to_bytes(const Tensor& x, Params params) {
  Tensor q = Tensor::allocate(DType::kUint8, x.shape());
  for (size_t i = 0; i < static_cast<size_t>(x.size()); ++i) {
    q.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(
        quantize(x.data<float>()[i], params.scale, params.zero_point, full_range(DType::kUint8)));
  }
  return q;
}

Tensor to_floats(const Tensor& q, Params params) {
  Tensor x = Tensor::allocate(DType::kFloat32, q.shape());
  for (size_t i = 0; i < static_cast<size_t>(q.size()); ++i) {
    x.mutable_data<float>()[i] = dequantize(q.data<uint8_t>()[i], params.scale, params.zero_point);
  }
  return x;
}

// ---------------------------------------------------------------- the interface in integers
Graph two_convs(int64_t opset = 21) {
  GraphBuilder g(opset);
  g.output(conv(g, conv(g, g.input("x", {1, 3, 6, 6}), 3, 4, 2, "first"), 4, 2, 2, "last"));
  return g.build();
}

TEST_CASE(
    "test_fp32_input_fp32_output, fp32_in_quantized_out, quantized_in_fp32_out, "
    "quantized_in_quantized_out",
    "[rows][custom]") {
  struct Target {
    const char* what;
    RouteOptions options;
    int64_t opset;
  };
  for (const Target& target : {Target{"the whole range", full_range("native"), 21},
                               Target{"a narrow range", route_options("fbgemm"), 21},
                               Target{"an old opset, which is raised", full_range("exact8"), 11}}) {
    const Graph graph = two_convs(target.opset);
    const Routed plain = route(graph, target.options);
    const Params in = params_of(plain.quantized, "x"), out = params_of(plain.quantized, "last_0");
    const Tensor want = Session(plain.lowered).run(plain.sample)[0].tensor;
    for (const bool quantized_in : {false, true}) {
      for (const bool quantized_out : {false, true}) {
        INFO(target.what << ", in " << quantized_in << " out " << quantized_out);
        RouteOptions options = target.options;
        if (quantized_in) options.prepare.set_input_quantized_indexes({0});
        if (quantized_out) options.prepare.set_output_quantized_indexes({0});
        const Routed routed = route(graph, options);
        const int in_pairs = quantized_in ? 0 : 1, out_pairs = quantized_out ? 0 : 1;
        CHECK(pairs(routed.quantized) == Pairs{2 + in_pairs, 2 + out_pairs});
        CHECK(pairs(routed.lowered) == Pairs{in_pairs, out_pairs});
        CHECK(compute_ops(routed.lowered)["QLinearConv"] == 2);

        Feeds feeds = routed.sample;
        if (quantized_in) {
          // What the range of the model cannot say, an input of it is not.
          const QParams qparams =
              routed.prepared.slots[static_cast<size_t>(routed.slot("x"))].observer->qparams();
          feeds[0].tensor = to_bytes(feeds[0].tensor, in);
          for (size_t i = 0; i < static_cast<size_t>(feeds[0].tensor.size()); ++i) {
            uint8_t& byte = feeds[0].tensor.mutable_data<uint8_t>()[i];
            byte = std::min(byte, static_cast<uint8_t>(qparams.quant_max));
          }
        }
        for (const Graph& form : {routed.lowered, to_qoperator(routed.lowered)}) {
          const auto got = Session(form).run(feeds);
          CHECK(got[0].name == "last_0");
          CHECK(got[0].tensor.dtype() == (quantized_out ? DType::kUint8 : DType::kFloat32));
          const Tensor floats = quantized_out ? to_floats(got[0].tensor, out) : got[0].tensor;
          CHECK(difference(floats, want) == "");
        }
        // The QDQ form takes and gives the same types, with numbers within a step.
        const auto reference = Session(to_qdq(routed.quantized)).run(feeds)[0].tensor;
        const Tensor floats = quantized_out ? to_floats(reference, out) : reference;
        CHECK(difference(floats, want, {0, out.scale * 1.001f}) == "");
        if (!quantized_in) continue;
        CHECK_THROWS_AS(Session(routed.lowered).run(routed.sample), Error);  // floats do not fit
      }
    }
  }
}

TEST_CASE("quantized inputs: one of two, one that float nodes alone read, one of int8",
          "[rows][custom]") {
  SECTION("one of two") {
    GraphBuilder g;
    const ValueId x = g.input("x", {1, 3, 6, 6}), z = g.input("z", {1, 3, 6, 6});
    g.output(g.node("Add", {conv(g, x, 3, 3), conv(g, z, 3, 3)}));
    const Routed routed = route(
        g.build(), with_prepare("native", PrepareCustomConfig().set_input_quantized_indexes({1})));
    const Graph& lowered = routed.lowered;
    CHECK(lowered.value(lowered.inputs[0]).type.dtype == DType::kFloat32);
    CHECK(lowered.value(lowered.inputs[1]).type.dtype == DType::kUint8);
    CHECK(lowered.value(lowered.inputs[1]).name == "z");
    CHECK(pairs(lowered) == Pairs{1, 1});
  }
  SECTION("float nodes alone") {
    GraphBuilder g;
    g.output(g.node("Exp", {g.input("x", {4})}));
    const Routed routed = route(
        g.build(), with_prepare("native", PrepareCustomConfig().set_input_quantized_indexes({0})));
    CHECK(pairs(routed.lowered) == Pairs{0, 1});
    CHECK(compute_ops(routed.lowered) == OpCounts{{"Exp", 1}});
    CHECK(routed.lowered.value(routed.lowered.inputs[0]).type.dtype == DType::kUint8);
  }
  SECTION("int8") {
    RouteOptions options =
        route_options("qnnpack", named_qconfig("default_symmetric_qnnpack_qconfig"));
    options.prepare.set_input_quantized_indexes({0}).set_output_quantized_indexes({0});
    const Routed routed = route(two_convs(), options);
    CHECK(routed.lowered.value(routed.lowered.inputs[0]).type.dtype == DType::kInt8);
    CHECK(routed.lowered.value(routed.lowered.outputs[0]).type.dtype == DType::kInt8);
    CHECK(pairs(routed.lowered) == Pairs{0, 0});
  }
}

TEST_CASE("test_int8_input_no_unnecessary_fq: an integer input of a float node is dequantized once",
          "[rows][custom]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId e = g.node("Exp", {x});
  g.output(e);
  g.output(conv(g, x, 3, 4, 2, "conv"));
  const Routed routed = route(
      g.build(), with_prepare("native", PrepareCustomConfig().set_input_quantized_indexes({0})));
  CHECK(pairs(routed.lowered) == Pairs{0, 2});
  const Params in = params_of(routed.quantized, "x");
  const Tensor q = to_bytes(routed.sample[0].tensor, in);
  const auto got = Session(routed.lowered).run({{"x", q}});
  Tensor want = to_floats(q, in);
  for (float& value : want.mutable_data<float>()) value = std::exp(value);
  CHECK(difference(got[0].tensor, want, kFloatMath) == "");
}

TEST_CASE("test_quant_output_always_observed: what is declared quantized is, whatever makes it",
          "[rows][custom]") {
  struct Row {
    const char* what;
    void (*build)(GraphBuilder& g, ValueId x);
    std::vector<int> indexes;
    std::vector<DType> types;
  };
  const DType u8 = DType::kUint8, f32 = DType::kFloat32;
  const Row rows[] = {
      {"a layer", [](GraphBuilder& g, ValueId x) { g.output(linear(g, x, 4, 3)); }, {0}, {u8}},
      {"a float node", [](GraphBuilder& g, ValueId x) { g.output(g.node("Exp", {x})); }, {0}, {u8}},
      {"one of two",
       [](GraphBuilder& g, ValueId x) {
         g.output(linear(g, x, 4, 3));
         g.output(g.node("Exp", {x}));
       },
       {1},
       {f32, u8}},
      {"both of two",
       [](GraphBuilder& g, ValueId x) {
         const ValueId y = linear(g, x, 4, 3);
         g.output(y);
         g.output(linear(g, y, 3, 3));
       },
       {0, 1},
       {u8, u8}},
      {"read on by a float node",
       [](GraphBuilder& g, ValueId x) {
         const ValueId y = linear(g, x, 4, 3);
         g.output(y);
         g.output(g.node("Exp", {y}));
       },
       {0},
       {u8, f32}},
      {"the same value twice",
       [](GraphBuilder& g, ValueId x) {
         const ValueId y = linear(g, x, 4, 3);
         g.output(y);
         g.output(reshape(g, y, {3, 2}));
       },
       {0, 1},
       {u8, u8}},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    GraphBuilder g;
    row.build(g, g.input("x", {2, 4}));
    const Routed routed = route(
        g.build(),
        with_prepare("native", PrepareCustomConfig().set_output_quantized_indexes(row.indexes)));
    INFO(to_text(routed.lowered));
    const Routed plain = route(g.build(), full_range("native"));
    const auto want = Session(plain.quantized).run(routed.sample);
    for (const Graph& graph : {routed.quantized, routed.lowered, to_qdq(routed.quantized)}) {
      const auto got = Session(graph).run(routed.sample);
      REQUIRE(got.size() == row.types.size());
      for (size_t i = 0; i < got.size(); ++i) {
        INFO(i);
        CHECK(got[i].name == want[i].name);
        CHECK(got[i].tensor.dtype() == row.types[i]);
        if (row.types[i] != u8) continue;
        const ObserverSlot& slot =
            routed.prepared.slots[static_cast<size_t>(routed.slot(want[i].name))];
        const QParams qparams = slot.observer->qparams();
        const Params params{qparams.scale[0], qparams.zero_point[0]};
        CHECK(difference(to_floats(got[i].tensor, params), want[i].tensor,
                         {0, params.scale * 1.001f}) == "");
      }
    }
  }
}

TEST_CASE("quantized indexes that the model does not have, or cannot have, are refused",
          "[rows][custom]") {
  const auto refused = [](const Graph& graph, const RouteOptions& options) {
    try {
      route(graph, options);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      return error.message();
    }
    return std::string("not refused");
  };
  CHECK(refused(two_convs(),
                with_prepare("native", PrepareCustomConfig().set_input_quantized_indexes({1}))) ==
        "the model has no input of index 1");
  CHECK(refused(two_convs(),
                with_prepare("native", PrepareCustomConfig().set_output_quantized_indexes({3}))) ==
        "the model has no output of index 3");
  RouteOptions no_global =
      with_prepare("native", PrepareCustomConfig().set_output_quantized_indexes({0}));
  no_global.mapping = QConfigMapping().set_module_name("first", default_qconfig());
  CHECK(refused(two_convs(), no_global)
            .find("is declared quantized, and no static QConfig says how") != std::string::npos);
  CHECK_THROWS_AS(PrepareCustomConfig().set_input_quantized_indexes({-1}), Error);
}

// ---------------------------------------------------------------- standalone modules
Graph with_module() {
  GraphBuilder g;
  const ValueId a = conv(g, g.input("x", {1, 3, 6, 6}), 3, 4, 2, "stem");
  const ValueId b = conv(g, a, 4, 4, 2, "net/alone/conv");
  const ValueId c = conv(g, b, 4, 4, 2, "net/alone.more/conv");
  g.output(conv(g, c, 4, 2, 2, "net/aloneness"));
  return g.build();
}

TEST_CASE("test_standalone_module: a part with a mapping of its own, by path", "[rows][custom]") {
  StandaloneModule module;
  module.name = "net/alone";
  module.qconfig_mapping.set_global(named_qconfig("default_qconfig"));
  const PrepareCustomConfig custom = PrepareCustomConfig().set_standalone_module(module);
  SECTION("its nodes, and no others") {
    const Routed routed = route(with_module(), with_prepare("native", custom));
    for (const auto& [value, inside] :
         {std::pair("stem_0", false), std::pair("net/alone/conv_0", true),
          std::pair("net/alone.more/conv_0", true), std::pair("net/aloneness_0", false)}) {
      INFO(value);
      const NodePlan& plan = routed.plan(value);
      REQUIRE(plan.quantized);
      CHECK(plan.standalone == inside);
      CHECK(plan.qconfig == (inside ? named_qconfig("default_qconfig") : default_qconfig()));
    }
    CHECK(compute_ops(routed.lowered)["QLinearConv"] == 4);
    CHECK(lowered_apart(routed) == "");
  }
  SECTION("a float interface: the module alone is quantized") {
    RouteOptions options = with_prepare("native", custom);
    options.mapping = QConfigMapping().set_global(std::nullopt);
    const Routed routed = route(with_module(), options);
    CHECK(pairs(routed.lowered) == Pairs{1, 1});
    CHECK(compute_ops(routed.lowered)["Conv"] == 2);
    CHECK(lowered_apart(routed, 16) == "");  // a float layer behind a step
  }
  SECTION("the module alone is float: its neighbours go in and out") {
    StandaloneModule is_float = module;
    is_float.qconfig_mapping = QConfigMapping().set_global(std::nullopt);
    const Routed routed =
        route(with_module(),
              with_prepare("native", PrepareCustomConfig().set_standalone_module(is_float)));
    CHECK(pairs(routed.lowered) == Pairs{2, 2});
    CHECK(compute_ops(routed.lowered)["QLinearConv"] == 2);
  }
  SECTION("with a backend of its own, which knows nothing") {
    StandaloneModule unknown = module;
    unknown.backend_config = BackendConfig("bare");
    const Routed routed =
        route(with_module(),
              with_prepare("native", PrepareCustomConfig().set_standalone_module(unknown)));
    CHECK(routed.plan("net/alone/conv_0").reason == "the backend 'bare' has no pattern for Conv");
    CHECK(routed.plan("stem_0").quantized);
  }
  SECTION("convert's narrowed mapping is none of its business") {
    RouteOptions options = with_prepare("native", custom);
    options.convert.qconfig_mapping = options.mapping;
    options.convert.qconfig_mapping->set_object_type("Conv", std::nullopt);
    const Routed routed = route(with_module(), options);
    CHECK(compute_ops(routed.lowered)["QLinearConv"] == 2);
    CHECK(compute_ops(routed.lowered)["Conv"] == 2);
  }
  SECTION("by class") {
    StandaloneModule of_class;
    of_class.op = "Conv";
    of_class.qconfig_mapping.set_global(named_qconfig("default_qconfig"));
    const Routed routed =
        route(with_module(),
              with_prepare("native", PrepareCustomConfig().set_standalone_module(of_class)));
    CHECK(routed.plan("stem_0").standalone);
    CHECK(routed.plan("stem_0").qconfig == named_qconfig("default_qconfig"));
  }
  SECTION("a pattern does not reach over its border") {
    GraphBuilder g;
    const ValueId c = g.node("MatMul", {g.input("x", {2, 4}), g.constant(noise({4, 4}), "w")},
                             {{}, {}, "net/alone/mm"});
    g.output(g.node("Relu", {c}, {{}, {}, "outside"}));
    const Routed routed = route(g.build(), with_prepare("native", custom));
    CHECK(routed.plan("net/alone/mm_0").pattern == "(MatMul, MatchAllNode)");
    CHECK(routed.plan("outside_0").pattern == "Relu");
    CHECK(lowered_apart(routed) == "");
  }
}

// ---------------------------------------------------------------- custom modules
// A float class, its observed twin and its quantized one. As they are no operators that a session
// knows, graphs are looked at, not run; calibration is by hand.
struct CustomRoute {
  PreparedModel prepared;
  Graph quantized, lowered;
};

class Told : public Observer {
 public:
  explicit Told(ObserverSpec spec) : Observer(std::move(spec)) {}
  void observe(const TensorView&) override {}
  bool observed() const override { return true; }
  QParams qparams() const override { return {{0.02f}, {100}, -1, spec().dtype, 0, 255}; }
  std::pair<float, float> range() const override { return {-2.0f, 3.1f}; }
};

CustomRoute custom_route(Graph graph, std::optional<MaybeQConfig> of_module = {}) {
  RouteOptions options = full_range("native");
  options.prepare.set_float_to_observed_mapping("test:Float", "test:Observed");
  options.convert.custom.set_observed_to_quantized_mapping("test:Observed", "test:Quantized");
  if (of_module) options.mapping.set_object_type("test:Float", *of_module);
  graph.model().opsets["test"] = 1;
  const Graph fused = fuse(graph, options.backend);
  CustomRoute routed{prepare(fused, options.mapping, options.backend, options.prepare), {}, {}};
  for (ObserverSlot& slot : routed.prepared.slots) {
    slot.observer = std::make_shared<Told>(slot.spec);
  }
  routed.quantized = convert(routed.prepared, options.convert);
  verify(routed.quantized);
  routed.lowered = lower(routed.quantized);
  verify(routed.lowered);
  return routed;
}

ValueId custom_node(GraphBuilder& g, std::vector<ValueId> inputs, std::string name = "custom") {
  const ValueId y = g.node("Float", std::move(inputs), {{}, "test", std::move(name)});
  g.graph().value(y).type = {DType::kFloat32, to_dims(Shape{2, 4}), {}};
  return y;
}

// Every input comes from a QuantizeLinear or an integer op, every output goes to a
// DequantizeLinear; no DequantizeLinear before, no QuantizeLinear behind.
void check_custom_nodes(const Graph& graph, int count) {
  int found = 0;
  for (NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    if (!node.is("Quantized", "test")) continue;
    ++found;
    for (ValueId input : node.inputs()) {
      const Node* producer = graph.producer(input);
      REQUIRE(producer != nullptr);
      CHECK(producer->op_type != "DequantizeLinear");
      CHECK(graph.value(input).type.dtype == DType::kUint8);
    }
    CHECK(graph.value(node.output(0)).type.dtype == DType::kUint8);
    for (const Use& use : graph.value(node.output(0)).uses()) {
      CHECK(graph.node(use.node).op_type != "QuantizeLinear");
    }
  }
  CHECK(found == count);
}

TEST_CASE("test_custom_module_class: quantize only before it, dequantize only behind it",
          "[rows][custom]") {
  GraphBuilder g;
  const ValueId a = linear(g, g.input("x", {2, 4}), 4, 4, "fc1");
  g.output(linear(g, custom_node(g, {a}), 4, 4, "fc2"));
  const CustomRoute routed = custom_route(g.build());
  CHECK(compute_ops(routed.prepared.graph)["Observed"] == 1);
  CHECK(compute_ops(routed.prepared.graph)["Float"] == 0);
  // x, fc1 and fc2 are quantized; the module's own output comes in integers.
  CHECK(pairs(routed.quantized) == Pairs{3, 3});
  CHECK(pairs(routed.lowered) == Pairs{1, 1});
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QGemm", 2}, {"Quantized", 1}});
  check_custom_nodes(routed.quantized, 1);
  check_custom_nodes(routed.lowered, 1);
}

TEST_CASE("test_custom_module_class_input_has_multiple_users, _input_has_duplicate_nodes",
          "[rows][custom]") {
  SECTION("multiple users: a layer and the module share the one quantize") {
    GraphBuilder g;
    const ValueId x = g.input("x", {2, 4});
    const ValueId a = custom_node(g, {x});
    g.output(g.node("Add", {a, linear(g, x, 4, 4, "fc")}));
    const CustomRoute routed = custom_route(g.build());
    INFO(to_text(routed.lowered));
    CHECK(pairs(routed.lowered) == Pairs{1, 1});
    check_custom_nodes(routed.lowered, 1);
  }
  SECTION("duplicate inputs") {
    GraphBuilder g;
    const ValueId x = g.input("x", {2, 4});
    g.output(custom_node(g, {x, x}));
    const CustomRoute routed = custom_route(g.build());
    CHECK(pairs(routed.quantized) == Pairs{1, 1});
    check_custom_nodes(routed.quantized, 1);
    check_custom_nodes(routed.lowered, 1);
  }
  SECTION("a float neighbour reads what is dequantized behind it") {
    GraphBuilder g;
    const ValueId a = custom_node(g, {g.input("x", {2, 4})});
    g.output(g.node("Exp", {a}));
    g.output(a);
    const CustomRoute routed = custom_route(g.build());
    CHECK(pairs(routed.lowered) == Pairs{1, 1});
    check_custom_nodes(routed.lowered, 1);
  }
  SECTION("two in a row: integers between") {
    GraphBuilder g;
    const ValueId a = custom_node(g, {g.input("x", {2, 4})}, "one");
    g.output(custom_node(g, {a}, "two"));
    const CustomRoute routed = custom_route(g.build());
    CHECK(pairs(routed.quantized) == Pairs{1, 1});
    check_custom_nodes(routed.quantized, 2);
  }
}

TEST_CASE("a custom module without a static QConfig is left as it is", "[rows][custom]") {
  for (const MaybeQConfig& qconfig :
       {MaybeQConfig(), MaybeQConfig(named_qconfig("default_dynamic_qconfig"))}) {
    GraphBuilder g;
    g.output(custom_node(g, {linear(g, g.input("x", {2, 4}), 4, 4, "fc")}));
    const CustomRoute routed = custom_route(g.build(), std::optional<MaybeQConfig>(qconfig));
    CHECK(compute_ops(routed.lowered)["Float"] == 1);
    CHECK(compute_ops(routed.lowered)["Quantized"] == 0);
    CHECK(pairs(routed.lowered) == Pairs{1, 1});
  }
}

// ---------------------------------------------------------------- non-traceable, preserved
TEST_CASE("test_non_traceable_module: by name and by class", "[rows][custom]") {
  const auto routed = [](PrepareCustomConfig custom) {
    GraphBuilder g;
    const ValueId a = linear(g, g.input("x", {2, 4}), 4, 4, "block/fc1");
    g.output(linear(g, g.node("MatMul", {a, g.constant(noise({4, 4}), "w")}, {{}, {}, "mm"}), 4, 3,
                    "block/fc2"));
    return route(g.build(), with_prepare("native", std::move(custom)));
  };
  const Routed named = routed(PrepareCustomConfig().set_non_traceable_module_names({"block"}));
  for (const char* value : {"block/fc1_0", "block/fc2_0"}) {
    CHECK(named.plan(value).reason == "it is declared non-traceable");
  }
  CHECK(named.plan("mm_0").quantized);
  CHECK(compute_ops(named.lowered) == OpCounts{{"Gemm", 2}, {"QLinearMatMul", 1}});
  const Routed classed = routed(PrepareCustomConfig().set_non_traceable_module_classes({"Gemm"}));
  CHECK(compute_ops(classed.lowered) == OpCounts{{"Gemm", 2}, {"QLinearMatMul", 1}});
  const Routed one = routed(PrepareCustomConfig().set_non_traceable_module_names({"block/fc1"}));
  CHECK(compute_ops(one.lowered) == OpCounts{{"Gemm", 1}, {"QLinearMatMul", 1}, {"QGemm", 1}});
}

TEST_CASE("test_preserved_attributes: what is kept lives to the end", "[rows][custom]") {
  GraphBuilder g;
  const ValueId c = conv(g, g.input("x", {1, 3, 6, 6}), 3, 4, 2, "conv");
  g.output(c);
  Graph graph = g.build();
  graph.node(graph.value(c).producer()).set_attribute("origin", std::string("model.py"));
  RouteOptions options =
      with_prepare("native", PrepareCustomConfig().set_preserved_attributes({"origin"}));
  options.convert.custom.set_preserved_attributes({"origin"});
  const Routed routed = route(graph, options);
  for (const Graph* stage : {&routed.prepared.graph, &routed.quantized, &routed.lowered}) {
    int kept = 0;
    for (NodeId id : stage->nodes()) {
      kept += stage->node(id).string_attribute("origin", "") == "model.py" ? 1 : 0;
    }
    CHECK(kept == 1);
  }
}

}  // namespace
}  // namespace eightfold
