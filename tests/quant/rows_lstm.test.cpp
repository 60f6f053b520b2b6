// Static quantization of LSTM along the route, by the rows 31 to 43 of PyTorch's feature list
// (spec-facts 5.3, 7): observed twin, quantized inputs and outputs, consumers, packed values, the
// custom configs, and the counts of pairs that PyTorch's tests name. A tuple of PyTorch is several
// outputs of ONNX, or a sequence.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/text.h"
#include "support/bodies.h"
#include "support/layers.h"
#include "support/lstm.h"
#include "support/matchers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

NodeId node_named(const Graph& graph, const std::string& name) {
  for (NodeId id : graph.nodes()) {
    if (graph.node(id).name == name) return id;
  }
  FAIL("no node is named " << name);
  return kNone;
}

std::string identity(const Graph& graph, const std::string& name) {
  const Node& node = graph.node(node_named(graph, name));
  return node.domain.empty() ? node.op_type : node.domain + ":" + node.op_type;
}

// Out, hidden and cell state, each read by a Linear: the model of PyTorch's three LSTM tests.
enum Consumers { kAll, kNoneOfThem, kHiddenOnly };
Graph model(Consumers consumers, LstmSpec spec = {}) {
  GraphBuilder g;
  const ValueId x = g.input("x", spec.x()), h = g.input("h0", spec.state());
  const ValueId c = g.input("c0", spec.state());
  const auto out = lstm(g, spec, x, "lstm", {kNone, h, c});
  const char* names[] = {"lin1", "lin2", "lin3"};
  for (size_t i = 0; i < 3; ++i) {
    if (consumers == kHiddenOnly && i == 0) continue;
    if (consumers != kAll) {
      g.output(out[i]);
      continue;
    }
    const ValueId rows = reshape(g, out[i], {-1, spec.hidden});
    g.output(linear(g, rows, spec.hidden, 3, names[i]));
  }
  return g.build();
}

// Every input with data comes from a QuantizeLinear, an integer op or is constant; every output
// goes to DequantizeLinear nodes or integer ops.
void check_borders(const Graph& graph, const std::string& name) {
  const Node& node = graph.node(node_named(graph, name));
  REQUIRE(node.op_type == "QLinearLSTM");
  for (size_t input : {0, 9, 10}) {
    const ValueId value = node.input(input);
    if (value == kNone) continue;
    INFO("input " << input);
    CHECK_FALSE(is_float(graph.value(value).type.dtype));
    const Node* producer = graph.producer(value);
    CHECK((producer == nullptr || producer->op_type != "DequantizeLinear"));
  }
  for (ValueId output : node.outputs()) {
    if (output == kNone) continue;
    CHECK_FALSE(is_float(graph.value(output).type.dtype));
    for (const Use& use : graph.value(output).uses()) {
      CHECK(graph.node(use.node).op_type != "QuantizeLinear");
    }
  }
}

TEST_CASE("row 31: LSTM, its observed twin, its quantized form", "[rows][lstm]") {
  const Routed routed = route(model(kAll), full_range("exact8"));
  CHECK(identity(routed.fused, "lstm") == "LSTM");
  CHECK(identity(routed.prepared.graph, "lstm") == "eightfold:LSTM");
  CHECK(identity(routed.quantized, "lstm") == "eightfold:QLinearLSTM");
  CHECK(identity(routed.lowered, "lstm") == "eightfold:QLinearLSTM");
  CHECK(lowered_apart(routed) == "");
  // The observed twin computes what the float op computes.
  const auto want = Session(routed.fused).run(routed.sample);
  const auto got = Session(routed.prepared.graph).run(routed.sample);
  for (size_t i = 0; i < want.size(); ++i) CHECK(difference(got[i].tensor, want[i].tensor) == "");
}

TEST_CASE("row 32: quantized inputs and outputs of the QConfig's dtype", "[rows][lstm]") {
  for (const DType dtype : {DType::kUint8, DType::kInt8}) {
    QConfig qconfig = default_qconfig();
    qconfig.activation.dtype = dtype;
    const Routed routed = route(model(kAll), route_options("exact8", qconfig));
    const Node& node = routed.lowered.node(node_named(routed.lowered, "lstm"));
    CHECK(routed.lowered.value(node.input(0)).type.dtype == dtype);
    CHECK(routed.lowered.value(node.input(9)).type.dtype == dtype);
    CHECK(routed.lowered.value(node.output(0)).type.dtype == dtype);
    CHECK(routed.lowered.value(node.output(1)).type.dtype == dtype);
    CHECK(routed.lowered.value(node.output(2)).type.dtype == DType::kInt16);
    CHECK(lowered_apart(routed) == "");
  }
}

TEST_CASE("rows 33, 37, 38: quantize only before it, dequantize only behind it", "[rows][lstm]") {
  for (const LstmSpec& spec :
       {LstmSpec{}, LstmSpec{.direction = "reverse"}, LstmSpec{.direction = "bidirectional"},
        LstmSpec{.layout = 1},
        LstmSpec{.direction = "bidirectional", .layout = 1, .bias = false}}) {
    const Routed routed = route(model(kNoneOfThem, spec), full_range("exact8"));
    INFO(spec.direction << " " << spec.layout << "\n" << to_text(routed.quantized));
    check_borders(routed.quantized, "lstm");
    check_borders(routed.lowered, "lstm");
    CHECK(compute_ops(routed.quantized) == OpCounts{{"QLinearLSTM", 1}});
    CHECK(pairs(routed.quantized) == Pairs{3, 3});
  }
}

TEST_CASE("row 34: initial states are observed, with what becomes of them", "[rows][lstm]") {
  const Routed routed = route(model(kAll), full_range("exact8"));
  const PreparedModel& model = routed.prepared;
  const NodeId id = node_named(model.graph, "lstm");
  const Node& node = model.graph.node(id);
  const int h = model.slot_of.at(node.output(0)), c = model.slot_of.at(node.output(6));
  CHECK(input_slot(model, id, node.input(5)) == h);
  CHECK(model.slot_of.at(node.output(1)) == h);
  CHECK(input_slot(model, id, node.input(6)) == c);
  CHECK(model.slot_of.at(node.output(2)) == c);
  CHECK(h != c);
  // Feeds go up to 2, what the cell makes does not.
  const auto range = model.slots[static_cast<size_t>(c)].observer->range();
  CHECK(range.second > 1.7f);
}

TEST_CASE("row 35: one dequantize per output that is read, none for the others", "[rows][lstm]") {
  for (size_t only = 0; only < 3; ++only) {
    GraphBuilder g;
    const auto out = lstm(g, {}, g.input("x", LstmSpec{}.x()));
    g.output(g.node("Exp", {out[only]}));
    g.output(g.node("Neg", {out[only]}));
    const Routed routed = route(g.build(), full_range("exact8"));
    INFO(only);
    CHECK(pairs(routed.quantized) == Pairs{1, 1});
    CHECK(pairs(routed.lowered) == Pairs{1, 1});
    CHECK(lowered_apart(routed) == "");
  }
}

TEST_CASE("row 36: a consumer of it reads its integers, not a second quantization of them",
          "[rows][lstm]") {
  GraphBuilder g;
  const LstmSpec spec;
  const auto out = lstm(g, spec, g.input("x", spec.x()));
  const ValueId rows =
      reshape(g,
              g.node("Transpose", {g.node("Squeeze", {out[0], g.constant(i64({1}), "axes")})},
                     {{"perm", std::vector<int64_t>{1, 0, 2}}}),
              {2, -1});
  g.output(linear(g, rows, spec.steps * spec.hidden, 3, "fc"));
  const Routed routed = route(g.build(), full_range("exact8"));
  INFO(to_text(routed.lowered));
  CHECK(pairs(routed.lowered) == Pairs{1, 1});
  CHECK(
      compute_ops(routed.lowered) ==
      OpCounts{{"QLinearLSTM", 1}, {"Squeeze", 1}, {"Transpose", 1}, {"Reshape", 1}, {"QGemm", 1}});
  const auto slot = [&](const char* value) { return routed.slot(value); };
  CHECK(slot("lstm_0") == input_slot(routed.prepared, node_named(routed.prepared.graph, "fc"),
                                     routed.prepared.graph.find_value("Reshape_3_0")));
}

TEST_CASE("row 39: values that are packed and unpacked are read directly", "[rows][lstm]") {
  GraphBuilder g;
  const LstmSpec spec;
  const auto out = lstm(g, spec, g.input("x", spec.x()));
  const auto pack = [&](ValueId a, ValueId b) { return g.node("SequenceConstruct", {a, b}); };
  const auto at = [&](ValueId list, int64_t index) {
    return g.node("SequenceAt", {list, g.constant(Tensor::scalar(index), "index")});
  };
  // Rebuilt and broken twice, as in PyTorch's test of the rewiring.
  const ValueId h = at(pack(out[1], out[1]), -2);
  const ValueId again = at(pack(h, out[1]), 0);
  g.output(linear(g, reshape(g, again, {-1, spec.hidden}), spec.hidden, 3, "fc"));
  const Routed routed = route(g.build(), full_range("exact8"));
  INFO(to_text(routed.lowered));
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearLSTM", 1}, {"Reshape", 1}, {"QGemm", 1}});
  CHECK(pairs(routed.lowered) == Pairs{1, 1});
}

TEST_CASE("row 39: two directions as two nodes, joined and split again", "[rows][lstm]") {
  GraphBuilder g;
  LstmSpec spec, back;
  back.direction = "reverse";
  back.seed = 30;
  const ValueId x = g.input("x", spec.x());
  const ValueId y = g.node("Concat", {lstm(g, spec, x, "one")[0], lstm(g, back, x, "two")[0]},
                           {{"axis", int64_t{3}}});
  const auto halves = g.nodes("Split", {y, g.constant(i64({4, 6}), "sizes")}, 2,
                              {{{"axis", int64_t{3}}}, "", "split"});
  g.output(linear(g, reshape(g, halves[0], {-1, 4}), 4, 3, "fc1"));
  g.output(linear(g, reshape(g, halves[1], {-1, 6}), 6, 3, "fc2"));
  const Routed routed = route(g.build(), full_range("exact8"));
  INFO(to_text(routed.lowered));
  CHECK(pairs(routed.lowered) == Pairs{1, 2});
  CHECK(compute_ops(routed.lowered)["QLinearLSTM"] == 2);
  CHECK(compute_ops(routed.lowered)["QLinearConcat"] == 1);
  CHECK(compute_ops(routed.lowered)["QGemm"] == 2);
  CHECK(lowered_apart(routed) == "");
}

TEST_CASE("row 39: bodies of If and Loop read what is dequantized behind it", "[rows][lstm]") {
  GraphBuilder g;
  const LstmSpec spec;
  const auto out = lstm(g, spec, g.input("x", spec.x()));
  BodyBuilder yes(g.graph(), "yes_"), no(g.graph(), "no_"), loop(g.graph(), "loop_");
  yes.output(yes.node("Exp", {yes.capture(out[0])}));
  no.output(no.node("Neg", {no.capture(out[2])}));
  loop.input("i", {}, DType::kInt64);
  const ValueId going = loop.input("going", {}, DType::kBool), sum = loop.free_input("sum");
  loop.output(loop.node("Identity", {going}));
  loop.output(loop.node("Add", {sum, loop.capture(out[1])}));
  const ValueId condition = g.constant(Tensor::scalar(true), "condition");
  g.output(add_control(g, "If", {g.node("Identity", {condition})}, 1,
                       {{"then_branch", &yes}, {"else_branch", &no}})[0]);
  g.output(add_control(g, "Loop", {g.constant(Tensor::scalar<int64_t>(3), "trips"), kNone, out[1]},
                       1, {{"body", &loop}})[0]);
  const Routed routed = route(g.build(), full_range("exact8"));
  INFO(to_text(routed.lowered));
  CHECK(compute_ops(routed.lowered)["QLinearLSTM"] == 1);
  const auto want = Session(routed.source).run(routed.sample);
  const auto got = Session(routed.lowered).run(routed.sample);
  for (size_t i = 0; i < want.size(); ++i) {
    CHECK(difference(got[i].tensor, want[i].tensor, {0.05f, 0.05f}) == "");
  }
}

TEST_CASE("rows 40, 43: the counts of PyTorch's three LSTM tests", "[rows][lstm]") {
  struct Row {
    const char* what;
    Consumers consumers;
    Pairs lowered;
  };
  // test_static_lstm, test_static_lstm_consume_tuple: part of it
  for (const Row& row : {Row{"the three tensors are consumed", kAll, {3, 3}},
                         Row{"all of it is returned", kNoneOfThem, {3, 3}},
                         Row{"only the hidden tuple is returned", kHiddenOnly, {3, 2}}}) {
    const Routed routed = route(model(row.consumers), full_range("exact8"));
    INFO(row.what << "\n" << to_text(routed.lowered));
    if (row.consumers == kAll) {
      // Its 16-bit cell state meets a layer of 8 bits: one pair more than in PyTorch, whose states
      // are all quint8.
      CHECK(pairs(routed.lowered) == Pairs{4, 4});
      CHECK(compute_ops(routed.lowered)["QGemm"] == 3);
    } else {
      CHECK(pairs(routed.lowered) == row.lowered);
    }
    CHECK(lowered_apart(routed) == "");
  }
}

TEST_CASE("rows 40, 43: with a cell state of 8 bits the counts are PyTorch's", "[rows][lstm]") {
  QConfig qconfig = default_qconfig();
  qconfig.parts = {{"cell", default_qconfig().activation}};
  RouteOptions options = full_range("exact8");
  options.mapping.set_object_type("LSTM", qconfig);
  const Routed routed = route(model(kAll), options);
  INFO(to_text(routed.lowered));
  CHECK(pairs(routed.lowered) == Pairs{3, 3});
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearLSTM", 1}, {"Reshape", 3}, {"QGemm", 3}});
}

TEST_CASE("row 41: custom configs, default and given, and QConfigs that are not static",
          "[rows][lstm]") {
  SECTION("a backend without static LSTMs takes them where it is told to") {
    const Routed plain = route(model(kNoneOfThem), full_range("native"));
    CHECK(compute_ops(plain.lowered) == OpCounts{{"LSTM", 1}});
    RouteOptions options = full_range("native");
    options.prepare = default_prepare_custom_config();
    options.convert.custom = default_convert_custom_config();
    const Routed told = route(model(kNoneOfThem), options);
    CHECK(compute_ops(told.lowered) == OpCounts{{"QLinearLSTM", 1}});
    CHECK(told.plan("lstm_0").pattern == "custom module LSTM");
  }
  SECTION("an observed twin that goes to a class of the caller's") {
    RouteOptions options = full_range("exact8");
    options.convert.custom.set_observed_to_quantized_mapping("eightfold:LSTM", "mine:LSTM");
    const Graph fused = fuse(model(kNoneOfThem), options.backend);
    PreparedModel prepared = prepare(fused, options.mapping, options.backend);
    Calibrator(prepared).observe(feeds_for(fused));
    const Graph quantized = convert(prepared, options.convert);
    CHECK(identity(quantized, "lstm") == "mine:LSTM");
    CHECK(pairs(quantized) == Pairs{3, 3});
  }
  SECTION("a dynamic QConfig takes the dynamic route") {
    RouteOptions options = full_range("exact8");
    options.mapping.set_object_type("LSTM", named_qconfig("per_channel_dynamic_qconfig"));
    const Routed routed = route(model(kNoneOfThem), options);
    CHECK(compute_ops(routed.lowered) == OpCounts{{"DynamicQuantizeLSTM", 1}});
    CHECK(pairs(routed.lowered) == Pairs{0, 0});
  }
  SECTION("none at all") {
    RouteOptions options = full_range("exact8");
    options.mapping.set_object_type("LSTM", std::nullopt);
    const Routed routed = route(model(kNoneOfThem), options);
    CHECK(compute_ops(routed.lowered) == OpCounts{{"LSTM", 1}});
  }
  SECTION("convert's narrowed mapping leaves it float after all") {
    RouteOptions options = full_range("exact8");
    options.convert.qconfig_mapping = options.mapping;
    options.convert.qconfig_mapping->set_object_type("LSTM", std::nullopt);
    const Routed routed = route(model(kNoneOfThem), options);
    CHECK(identity(routed.quantized, "lstm") == "LSTM");
    CHECK(routed.quantized.node(node_named(routed.quantized, "lstm")).outputs().size() == 3);
    CHECK(pairs(routed.lowered) == Pairs{0, 0});
  }
}

TEST_CASE("row 42: the four stages", "[rows][lstm]") {
  GraphBuilder g;
  const LstmSpec spec;
  const auto out =
      lstm(g, spec, g.input("x", spec.x()), "lstm", {kNone, g.input("h0", spec.state())});
  g.output(linear(g, reshape(g, out[0], {-1, spec.hidden}), spec.hidden, 3, "lin"));
  g.output(out[1]);
  const Routed routed = route(g.build(), full_range("exact8"));
  CHECK(lines(routed.source) ==
        "lstm_0, lstm_1, lstm_2 = LSTM(x, -, h0)\n"
        "Reshape_1_0 = Reshape(lstm_0)\n"
        "lin_0 = Gemm(Reshape_1_0)\n");
  CHECK(lines(routed.prepared.graph) ==
        "lstm_0, lstm_1, lstm_2, lstm_linear, lstm_sigmoid, lstm_tanh, lstm_state.1, lstm_cell = "
        "LSTM(x, -, h0)\n"
        "Reshape_1_0 = Reshape(lstm_0)\n"
        "lin_0 = Gemm(Reshape_1_0)\n");
  CHECK(lines(routed.quantized) ==
        "h0_for_lstm_quantized = QuantizeLinear(h0)\n"
        "x_quantized = QuantizeLinear(x)\n"
        "lstm_0_quantized, lstm_1_quantized, lstm_2_quantized = QLinearLSTM(x_quantized, -, "
        "h0_for_lstm_quantized, -)\n"
        "lstm_1 = DequantizeLinear(lstm_1_quantized)\n"
        "lstm_0 = DequantizeLinear(lstm_0_quantized)\n"
        "Reshape_1_0 = Reshape(lstm_0)\n"
        "Reshape_1_0_quantized = QuantizeLinear(Reshape_1_0)\n"
        "Reshape_1_0_dequantized = DequantizeLinear(Reshape_1_0_quantized)\n"
        "b_dequantized = DequantizeLinear()\n"
        "w_dequantized = DequantizeLinear()\n"
        "lin_0_float = Gemm(Reshape_1_0_dequantized, w_dequantized, b_dequantized)\n"
        "lin_0_quantized = QuantizeLinear(lin_0_float)\n"
        "lin_0 = DequantizeLinear(lin_0_quantized)\n");
  CHECK(lines(routed.lowered) ==
        "h0_for_lstm_quantized = QuantizeLinear(h0)\n"
        "x_quantized = QuantizeLinear(x)\n"
        "lstm_0_quantized, lstm_1_quantized, lstm_2_quantized = QLinearLSTM(x_quantized, -, "
        "h0_for_lstm_quantized, -)\n"
        "lstm_1 = DequantizeLinear(lstm_1_quantized)\n"
        "Reshape_1_0_quantized = Reshape(lstm_0_quantized)\n"
        "lin_0_quantized = QGemm(Reshape_1_0_quantized)\n"
        "lin_0 = DequantizeLinear(lin_0_quantized)\n");
}

}  // namespace
}  // namespace eightfold
