// Presets on small models: what is fused for one target alone, patterns that are claimed unfused.
#include <catch_amalgamated.hpp>
#include <set>

#include "ir/verify.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/matchers.h"

namespace eightfold {
namespace {

using namespace test;

struct Residual {
  bool norm, relu, left;
};
Graph residual_graph(const Residual& with) {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId w = g.constant(noise({2, 2, 3, 3}));
  ValueId conv = g.node("Conv", {x, w}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  if (with.norm) {
    std::vector<ValueId> inputs{conv};
    for (uint32_t seed : {1, 2, 3, 4}) inputs.push_back(g.constant(noise({2}, 0.5f, 1.5f, seed)));
    conv = g.node("BatchNormalization", inputs);
  }
  const ValueId skip = g.node("Tanh", {x});
  ValueId y = g.node("Add", with.left ? std::vector{conv, skip} : std::vector{skip, conv});
  if (with.relu) y = g.node("Relu", {y});
  g.output(y);
  return g.build();
}

TEST_CASE("onednn alone adds to a convolution", "[backends]") {
  const Residual with{GENERATE(false, true), GENERATE(false, true), GENERATE(false, true)};
  const Graph graph = residual_graph(with);
  const Feeds feeds{{"x", noise({1, 2, 5, 5}, -2, 2, 9)}};
  const Tensor want = Session(graph).run(feeds)[0].tensor;
  for (const std::string& name : backend_names()) {
    INFO(name << " norm " << with.norm << " relu " << with.relu << " left " << with.left);
    const Graph fused = fuse(graph, backend(name));
    CHECK(count_ops(fused, "ConvAdd", "eightfold") == (name == "onednn" ? 1 : 0));
    CHECK(count_ops(fused, "BatchNormalization") == 0);
    CHECK(difference(Session(fused).run(feeds)[0].tensor, want, kFloatSums) == "");
  }
}

TEST_CASE("onednn alone has LeakyRelu and Tanh behind Linear", "[backends]") {
  const char* activation = GENERATE("LeakyRelu", "Tanh");
  GraphBuilder g;
  const ValueId x = g.input("x", {2, 5});
  const ValueId gemm = g.node("Gemm", {x, g.constant(noise({5, 3})), g.constant(noise({3}))});
  g.output(g.node(activation, {gemm}));
  const Graph graph = g.build();
  const Feeds feeds{{"x", noise({2, 5}, -2, 2, 9)}};
  const Tensor want = Session(graph).run(feeds)[0].tensor;
  for (const std::string& name : backend_names()) {
    INFO(name);
    const Graph fused = fuse(graph, backend(name));
    CHECK(fused.nodes().size() == (name == "onednn" ? 1 : 2));
    CHECK(difference(Session(fused).run(feeds)[0].tensor, want, kFloatSums) == "");
  }
}

void check_names(const Graph& file) {
  verify(file);
  std::multiset<std::string> names;
  for (NodeId id : file.nodes()) names.insert(file.node(id).name);
  for (const std::string& node : names) {
    INFO(node);
    CHECK(names.count(node) == 1);
  }
}

// onnxruntime refuses two nodes of one name; the pairs beside the clamps of narrow ranges had one.
TEST_CASE("files of every preset name each node once", "[backends]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 2, 5, 5});
  const ValueId conv = g.node("Conv", {x, g.constant(noise({3, 2, 3, 3}))});
  const ValueId relu = g.node("Relu", {g.node("Conv", {conv, g.constant(noise({2, 3, 3, 3}))})});
  g.output(g.node("HardSwish", {relu}));
  const Graph graph = g.build();
  const Feeds feeds{{"x", noise({1, 2, 5, 5}, -2, 2, 9)}};
  for (const std::string& name : backend_names()) {
    INFO(name);
    const BackendConfig& target = backend(name);
    PreparedModel prepared =
        prepare(fuse(graph, target), get_default_qconfig_mapping(name), target);
    Calibrator(prepared).observe(feeds);
    const Graph quantized = convert(prepared);
    const Graph file = to_qdq(quantized);
    check_names(file);
    CHECK(difference(Session(file).run(feeds)[0].tensor, Session(quantized).run(feeds)[0].tensor) ==
          "");
    const bool is_uint8 = get_default_qconfig(name).activation.dtype == DType::kUint8;
    if (is_uint8) check_names(to_qoperator(lower(quantized)));
  }
}

// Linear without a bias, in either row: the product is the root, not what it is fed.
TEST_CASE("MatMul by a constant matrix is Linear, with Relu as well", "[backends]") {
  const bool with_relu = GENERATE(false, true);
  GraphBuilder g;
  const ValueId x = g.node("Tanh", {g.input("x", {2, 3})});
  ValueId y = g.node("MatMul", {x, g.constant(noise({3, 4}))}, GraphBuilder::Extra{.name = "fc"});
  if (with_relu) y = g.node("Relu", {y});
  g.output(y);
  const Graph fused = fuse(g.build(), backend("native"));
  const PreparedModel prepared =
      prepare(fused, get_default_qconfig_mapping("native"), backend("native"));
  const NodeId matmul = fused.value(fused.find_value("fc_0")).producer();
  const NodePlan& plan = prepared.plans.at(matmul);
  CHECK(plan.pattern == (with_relu ? "(Relu, (MatMul, MatchAllNode))" : "(MatMul, MatchAllNode)"));
  CHECK(plan.quantized);
  CHECK(plan.root == matmul);
  CHECK(plan.weight_slot >= 0);
  CHECK(prepared.slot_of.contains(fused.find_value("fc_0")) != with_relu);
}

// The unfused pair (Relu, MatMul) in every mode, through to numbers.
TEST_CASE("a product and its Relu run in every mode", "[backends]") {
  struct Mode {
    const char* qconfig;
    Tolerance tolerance;  // of values up to 3
  };
  const Mode mode = GENERATE(Mode{"default_per_channel_qconfig", {0, 0.1f}},
                             Mode{"per_channel_dynamic_qconfig", {0, 0.05f}},
                             Mode{"float16_static_qconfig", {0, 0.005f}},
                             Mode{"weight_only_qconfig", {0, 0.03f}});
  INFO(mode.qconfig);
  GraphBuilder g;
  const ValueId x = g.input("x", {4, 8});
  g.output(g.node("Relu", {g.node("MatMul", {x, g.constant(noise({8, 6}))})}));
  const Graph graph = g.build();
  const Feeds feeds{{"x", noise({4, 8}, -1, 1, 9)}};
  const BackendConfig& target = backend("exact8");
  QConfigMapping mapping;
  mapping.set_global(named_qconfig(mode.qconfig));
  PreparedModel prepared = prepare(fuse(graph, target), mapping, target);
  Calibrator(prepared).observe(feeds);
  const Graph lowered = lower(convert(prepared));
  verify(lowered);
  const Tensor want = Session(graph).run(feeds)[0].tensor;
  const Tensor got = Session(lowered).run(feeds)[0].tensor;
  CHECK(difference(got, want, mode.tolerance) == "");
  CHECK(difference(got, want) != "");  // something was rounded
}

}  // namespace
}  // namespace eightfold
