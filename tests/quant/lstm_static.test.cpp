// Statically quantized LSTM: its numbers against a float cell whose places are rounded as the
// observers say (in double, from the float weights), and against the float LSTM; nested QConfigs;
// what stays float and why; states that are shared, packed, handed on or fed back.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "ops/recurrent.h"
#include "quant/compare.h"
#include "quant/config_json.h"
#include "quant/explain.h"
#include "support/layers.h"
#include "support/lstm.h"
#include "support/matchers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

double sqnr_db(const Tensor& got, const Tensor& want) {
  ErrorSums sums;
  const auto g = got.data<float>(), w = want.data<float>();
  sums.add({w.begin(), w.end()}, {g.begin(), g.end()});
  return sums.sqnr_db();
}

Graph lstm_alone(const LstmSpec& spec) {
  GraphBuilder g;
  for (ValueId output : lstm(g, spec, g.input("x", spec.x()))) g.output(output);
  return g.build();
}

std::string reason_of(const Routed& routed) { return routed.plan("lstm_0").reason; }

// ---------------------------------------------------------------- the reference simulation
// An observer's parameters, in double.
struct Place {
  double scale, zero;
  QRange range;
  double operator()(double v) const {
    const double q = std::nearbyint(v / scale) + zero;
    return (std::clamp(q, static_cast<double>(range.quant_min),
                       static_cast<double>(range.quant_max)) -
            zero) *
           scale;
  }
};

// Y of a forward LSTM of one batch item, in steps of the hidden state's scale.
std::vector<double> simulate(const Routed& routed, const LstmSpec& spec) {
  const PreparedModel& model = routed.prepared;
  const NodeId id = model.graph.value(model.graph.find_value("lstm_0")).producer();
  const Node& node = model.graph.node(id);
  const auto place = [&](int slot) {
    const QParams qparams = model.slots[static_cast<size_t>(slot)].observer->qparams();
    return Place{qparams.scale[0],
                 static_cast<double>(qparams.zero_point[0]),
                 {qparams.quant_min, qparams.quant_max}};
  };
  const auto of_output = [&](size_t output) {
    return place(model.slot_of.at(node.output(output)));
  };
  const Place x = place(input_slot(model, id, node.input(0))), h = of_output(0);
  const Place linear = of_output(kTapLinear), sigmoid = of_output(kTapSigmoid);
  const Place tanh = of_output(kTapTanh);
  Place cell = of_output(kTapCell);
  cell.range = full_range(DType::kInt16);  // its observer leaves room
  const int64_t gates = 4 * spec.hidden;
  const auto b = model.graph.constant(node.input(3))->data<float>();
  std::vector<double> bias(static_cast<size_t>(gates));
  // Weights on their grid; the half of the bias that goes with them on the grid of the sums.
  const auto weight = [&](size_t input, int64_t k, const Place& of) {
    const auto slot =
        static_cast<size_t>(model.plans.at(id).weight_slots.at(static_cast<int>(input)));
    const std::vector<float> scales = model.weight_slots[slot].observer->qparams().scale;
    const auto scale_of = [&](size_t row) { return scales[scales.size() == 1 ? 0 : row]; };
    std::vector<double> rounded;
    for (float w : model.graph.constant(node.input(input))->data<float>()) {
      // The largest of a row is a tie: 127.5 steps.
      const float scale = scale_of(rounded.size() / static_cast<size_t>(k));
      rounded.push_back(quantize(w, scale, 0, {-128, 127}) * static_cast<double>(scale));
    }
    for (size_t n = 0; n < bias.size(); ++n) {
      const double step = of.scale * scale_of(n);
      bias[n] += std::nearbyint(b[n + (input == 2 ? bias.size() : 0)] / step) * step;
    }
    return rounded;
  };
  const auto w = weight(1, spec.input, x), r = weight(2, spec.hidden, h);
  const auto feed = routed.sample[0].tensor.data<float>();
  std::vector<double> state(static_cast<size_t>(spec.hidden)), c(state), y;
  for (int64_t t = 0; t < spec.steps; ++t) {
    std::vector<double> l;
    for (int64_t n = 0; n < gates; ++n) {
      double sum = bias[static_cast<size_t>(n)];
      for (int64_t i = 0; i < spec.input; ++i) {
        sum += w[static_cast<size_t>(n * spec.input + i)] *
               x(feed[static_cast<size_t>(t * spec.input + i)]);
      }
      for (int64_t i = 0; i < spec.hidden; ++i) {
        sum += r[static_cast<size_t>(n * spec.hidden + i)] * state[static_cast<size_t>(i)];
      }
      l.push_back(linear(sum));
    }
    for (int64_t j = 0; j < spec.hidden; ++j) {
      const auto gate = [&](int64_t block) {
        return sigmoid(1 / (1 + std::exp(-l[static_cast<size_t>(block * spec.hidden + j)])));
      };
      const double g = tanh(std::tanh(l[static_cast<size_t>(kLstmCell * spec.hidden + j)]));
      double& cj = c[static_cast<size_t>(j)];
      cj = cell(cell(gate(kLstmForget) * cj) + cell(gate(kLstmInput) * g));
      state[static_cast<size_t>(j)] = h(gate(kLstmOutput) * std::tanh(cj));
    }
    for (double v : state) y.push_back(v / h.scale);
  }
  return y;
}

TEST_CASE("the lowered LSTM is the simulation of its observed places", "[quant][lstm]") {
  for (const char* preset : {"exact8", "fast8", "turbo"}) {
    for (const bool per_tensor : {false, true}) {
      LstmSpec spec{.input = 9, .hidden = 12, .steps = 40, .batch = 1};
      QConfig qconfig = get_default_qconfig(preset);
      if (per_tensor) {
        qconfig.weight.observer = "MinMaxObserver";
        qconfig.weight.qscheme = QScheme::kPerTensorSymmetric;
      }
      const Routed routed = route(lstm_alone(spec), route_options(preset, qconfig));
      const std::vector<double> want = simulate(routed, spec);
      const Tensor got = Session(routed.lowered).run(routed.sample)[0].tensor;
      const float step = routed.prepared.slots[static_cast<size_t>(routed.slot("lstm_0"))]
                             .observer->qparams()
                             .scale[0];
      // The cell multiplies in float32: what falls between two steps may fall to the other side,
      // and comes back with the next step's input.
      int apart = 0, apart_soon = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        const double steps = std::abs(got.data<float>()[i] / step - want[i]);
        apart += steps > 0.5 ? 1 : 0;
        apart_soon += steps > 0.5 && i < 5 * static_cast<size_t>(spec.hidden) ? 1 : 0;
        REQUIRE(steps < 1.5);
      }
      INFO(preset << " " << per_tensor << ": " << apart << " of " << want.size());
      CHECK(apart * 50 <= static_cast<int>(want.size()));
      CHECK(apart_soon <= 1);
    }
  }
}

TEST_CASE("an int8 LSTM stays near the float one", "[quant][lstm]") {
  for (const LstmSpec& spec :
       {LstmSpec{.input = 16, .hidden = 24, .steps = 60},
        LstmSpec{.input = 16, .hidden = 24, .steps = 60, .direction = "bidirectional"},
        LstmSpec{.input = 16, .hidden = 24, .steps = 60, .direction = "reverse", .layout = 1},
        LstmSpec{.input = 5, .hidden = 33, .steps = 3, .batch = 4, .bias = false}}) {
    const Routed routed = route(lstm_alone(spec), full_range("exact8"));
    const auto want = Session(routed.source).run(routed.sample);
    const auto got = Session(routed.lowered).run(routed.sample);
    for (size_t i = 0; i < 3; ++i) {
      INFO(spec.direction << " " << spec.layout << " output " << i);
      CHECK(sqnr_db(got[i].tensor, want[i].tensor) > 30);
    }
  }
}

TEST_CASE("sequence lengths reach the integer cell", "[quant][lstm]") {
  const LstmSpec spec{.steps = 6, .batch = 3, .direction = "bidirectional"};
  GraphBuilder g;
  const ValueId lengths = g.constant(Tensor::of<int32_t>({3}, std::vector<int32_t>{6, 2, 0}), "l");
  for (ValueId output : lstm(g, spec, g.input("x", spec.x()), "lstm", {lengths})) g.output(output);
  const Routed routed = route(g.build(), full_range("exact8"));
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearLSTM", 1}});
  const auto want = Session(routed.source).run(routed.sample);
  const auto got = Session(routed.lowered).run(routed.sample);
  for (size_t i = 0; i < 3; ++i) {
    const auto w = want[i].tensor.data<float>(), q = got[i].tensor.data<float>();
    CHECK(sqnr_db(got[i].tensor, want[i].tensor) > 30);
    for (size_t j = 0; j < w.size(); ++j) {
      if (w[j] == 0) CHECK(q[j] == 0);
    }
  }
}

// ---------------------------------------------------------------- nested QConfigs
TEST_CASE("a nested QConfig says how each place is observed", "[quant][lstm]") {
  const MaybeQConfig nested = qconfig_from_json(R"({"parts": {
      "x": {"observer": "MinMaxObserver"},
      "state": [{"observer": "FixedQParamsObserver", "scale": 0.0078125, "zeroPoint": 128}, null],
      "linear": {"observer": "FixedQParamsObserver", "dtype": "uint16", "scale": 0.001, "zeroPoint": 30000},
      "tanh": {"observer": "FixedQParamsObserver", "dtype": "uint8", "scale": 0.0078125, "zeroPoint": 128},
      "cell": {"observer": "FixedQParamsObserver", "dtype": "int16", "scale": 0.00048828125}}})");
  REQUIRE(nested);
  RouteOptions options = full_range("exact8");
  options.mapping.set_object_type("LSTM", *nested);
  const Routed routed = route(lstm_alone({}), options);
  CHECK(routed.spec("x").observer == "MinMaxObserver");
  CHECK(routed.spec("lstm_0").scale == 1.0f / 128);
  CHECK(routed.slot("lstm_1") == routed.slot("lstm_0"));
  CHECK(routed.spec("lstm_linear").zero_point == 30000);
  CHECK(routed.spec("lstm_sigmoid").scale == 1.0f / 65536);  // the default
  CHECK(routed.spec("lstm_tanh").dtype == DType::kUint8);
  // "cell" is the state as well as its two terms, unless "state" says otherwise.
  CHECK(routed.spec("lstm_state.1").scale == 1.0f / 2048);
  CHECK(routed.slot("lstm_cell") == routed.slot("lstm_state.1"));
  const Node& node = routed.lowered.node(routed.lowered.nodes()[1]);
  REQUIRE(node.op_type == "QLinearLSTM");
  CHECK(routed.lowered.constant(node.input(kTapLinear + 12))->data<float>()[0] == 0.001f);
  const auto want = Session(routed.source).run(routed.sample);
  CHECK(sqnr_db(Session(routed.lowered).run(routed.sample)[0].tensor, want[0].tensor) > 30);

  QConfig apart = *nested;
  apart.parts.emplace_back("state.1", default_qconfig().activation);
  options.mapping.set_object_type("LSTM", apart);
  const Routed other = route(lstm_alone({}), options);
  CHECK(other.slot("lstm_cell") != other.slot("lstm_state.1"));
  CHECK(other.spec("lstm_state.1").dtype == DType::kUint8);
  CHECK(other.spec("lstm_cell").dtype == DType::kInt16);
}

TEST_CASE("nested QConfigs as JSON: there and back, and what is refused", "[quant][lstm]") {
  const MaybeQConfig nested = qconfig_from_json(
      R"({"activation": {"dtype": "int8"},
          "parts": {"x": {"bins": 64}, "state": [null, {"h": {"dtype": "uint8"}, "c": [{"eps": 1}]}]}})");
  REQUIRE(nested);
  REQUIRE(nested->parts.size() == 3);
  CHECK(nested->parts[0].first == "x");
  CHECK(nested->parts[1].first == "state.1.h");
  CHECK(nested->parts[2].first == "state.1.c.0");
  CHECK(nested->part("x")->dtype == DType::kInt8);  // over what `activation` has
  CHECK(nested->part("x")->bins == 64);
  CHECK(nested->part("state.1.h")->dtype == DType::kUint8);
  CHECK(qconfig_from_json(to_json(nested)) == nested);
  const auto refused = [](const char* text) {
    try {
      qconfig_from_json(text);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      return error.message();
    }
    return std::string("not refused");
  };
  CHECK(refused(R"({"parts": {"x": 3}})").find("parts.x") != std::string::npos);
  CHECK(refused(R"({"parts": {"x": {"dtype": "uint8", "why": 1}}})").find("parts.x.why") !=
        std::string::npos);
  CHECK(refused(R"({"parts": {"x": [[[[[[[[[[]]]]]]]]]]}})").find("nested too deep") !=
        std::string::npos);
}

TEST_CASE("places that an LSTM does not have, or cannot have so, are refused", "[quant][lstm]") {
  const auto refused = [](QConfigParts parts) {
    QConfig qconfig = default_qconfig();
    qconfig.parts = std::move(parts);
    RouteOptions options = full_range("exact8");
    options.mapping.set_object_type("LSTM", qconfig);
    try {
      route(lstm_alone({}), options);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      return error.message() + "; " + error.hint();
    }
    return std::string("not refused");
  };
  ObserverSpec wide = default_qconfig().activation;
  wide.dtype = DType::kInt16;
  CHECK(refused({{"gate", wide}}) ==
        "LSTM has no place 'gate'; it has x, state.0, state.1, linear, sigmoid, tanh, cell");
  CHECK(refused({{"x", wide}}) ==
        "the place 'x' of LSTM cannot be int16; it takes uint8 or int8, per tensor");
  CHECK(refused({{"sigmoid", wide}}) ==
        "the place 'sigmoid' of LSTM cannot be int16; it takes uint8 or uint16, per tensor");
  wide.dtype = DType::kInt32;
  CHECK(refused({{"cell", wide}}) ==
        "the place 'state.1' of LSTM cannot be int32; it takes 8 or 16 bits, per tensor");
}

TEST_CASE("the parts of any other op are its inputs and outputs", "[quant][lstm]") {
  GraphBuilder g;
  const ValueId a = conv(g, g.input("a", {1, 3, 6, 6}), 3, 3),
                b = conv(g, g.input("b", {1, 3, 6, 6}), 3, 3);
  g.output(conv(g, g.node("Add", {a, b}, {{}, {}, "sum"}), 3, 2));
  const MaybeQConfig nested = qconfig_from_json(
      R"({"parts": {"inputs": [null, {"bins": 128}], "outputs": [{"observer": "MinMaxObserver"}]}})");
  RouteOptions options = full_range("exact8");
  options.mapping.set_object_type("Conv", *nested).set_object_type("Add", *nested);
  const Routed routed = route(g.build(), options);
  CHECK(routed.spec("sum_0").observer == "MinMaxObserver");
  CHECK(routed.spec("a").observer == "HistogramObserver");
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearConv", 3}, {"QLinearAdd", 1}});
  CHECK(lowered_apart(routed) == "");
}

// ---------------------------------------------------------------- what stays float
TEST_CASE("cells that have no integer form stay float, with the reason", "[quant][lstm]") {
  struct Row {
    std::string reason;
    std::vector<Attribute> attributes;
  };
  const std::vector<std::string> hard{"HardSigmoid", "Tanh", "Tanh"};
  for (const Row& row :
       {Row{"its cell clips what its gates read", {{"clip", 3.0f}}},
        Row{"its cell couples the input and the forget gate", {{"input_forget", int64_t{1}}}},
        Row{"its cell has other activations than Sigmoid, Tanh, Tanh", {{"activations", hard}}}}) {
    const Routed routed = route(lstm_alone({.attributes = row.attributes}), full_range("exact8"));
    CHECK(reason_of(routed) == row.reason);
    CHECK(compute_ops(routed.lowered) == OpCounts{{"LSTM", 1}});
    CHECK(pairs(routed.lowered) == Pairs{0, 0});
  }
  SECTION("peepholes") {
    GraphBuilder g;
    const LstmSpec spec;
    g.output(lstm(g, spec, g.input("x", spec.x()), "lstm",
                  {kNone, kNone, kNone, g.constant(noise({1, 15}), "p")})[0]);
    CHECK(reason_of(route(g.build(), full_range("exact8"))) ==
          "its cell has peepholes, which stay float");
  }
  SECTION("weights that are computed") {
    GraphBuilder g;
    const LstmSpec spec;
    const ValueId x = g.input("x", spec.x()), w = g.input("w", {1, 20, 6});
    g.output(g.nodes("LSTM", {x, w, g.constant(noise({1, 20, 5}), "r")}, 1,
                     {{{"hidden_size", int64_t{5}}}, "", "lstm"})[0]);
    CHECK(reason_of(route(g.build(), full_range("exact8"))) ==
          "its weight 'w' is computed, not constant");
  }
  SECTION("weights that are not symmetric") {
    QConfig qconfig = default_qconfig();
    qconfig.weight.qscheme = QScheme::kPerChannelAffine;
    CHECK(reason_of(route(lstm_alone({}), route_options("exact8", qconfig))) ==
          "its kernels take symmetric int8 weights");
  }
  SECTION("a layout that the dynamic op does not have") {
    RouteOptions options = full_range("exact8");
    options.mapping.set_object_type("LSTM", named_qconfig("per_channel_dynamic_qconfig"));
    CHECK(reason_of(route(lstm_alone({.layout = 1}), options)) ==
          "DynamicQuantizeLSTM knows no layout 1");
  }
}

// ---------------------------------------------------------------- states
TEST_CASE("one value for both initial states", "[quant][lstm]") {
  for (const bool constant : {true, false}) {
    GraphBuilder g;
    const LstmSpec spec;
    const ValueId x = g.input("x", spec.x());
    const ValueId zeros = constant
                              ? g.constant(Tensor::allocate(DType::kFloat32, spec.state()), "z")
                              : g.input("z", spec.state());
    for (ValueId output : lstm(g, spec, x, "lstm", {kNone, zeros, zeros})) g.output(output);
    const Routed routed = route(g.build(), full_range("exact8"));
    INFO(constant);
    CHECK(compute_ops(routed.lowered)["QLinearLSTM"] == 1);
    CHECK(pairs(routed.lowered) == (constant ? Pairs{1, 3} : Pairs{3, 3}));
    const auto want = Session(routed.source).run(routed.sample);
    const auto got = Session(routed.lowered).run(routed.sample);
    for (size_t i = 0; i < 3; ++i) CHECK(sqnr_db(got[i].tensor, want[i].tensor) > 30);
  }
}

TEST_CASE("layers on top of each other, and states that a second one goes on from",
          "[quant][lstm]") {
  GraphBuilder g;
  const LstmSpec first{.input = 6, .hidden = 5}, second{.input = 5, .hidden = 5, .seed = 40};
  const auto a = lstm(g, first, g.input("x", first.x()), "one");
  const ValueId x = g.node("Squeeze", {a[0], g.constant(i64({1}), "axes")});
  const auto b = lstm(g, second, x, "two", {kNone, a[1], a[2]});
  for (ValueId output : b) g.output(output);
  const Routed routed = route(g.build(), full_range("exact8"));
  CHECK(compute_ops(routed.lowered)["QLinearLSTM"] == 2);
  CHECK(compute_ops(routed.lowered)["LSTM"] == 0);
  const auto want = Session(routed.source).run(routed.sample);
  const auto got = Session(routed.lowered).run(routed.sample);
  for (size_t i = 0; i < 3; ++i) CHECK(sqnr_db(got[i].tensor, want[i].tensor) > 28);
}

TEST_CASE("a stream of single steps, its states fed back, does not drift away", "[quant][lstm]") {
  const LstmSpec spec{.input = 8, .hidden = 16, .steps = 1, .batch = 1};
  GraphBuilder g;
  const ValueId x = g.input("x", spec.x()), h = g.input("h", spec.state()),
                c = g.input("c", spec.state());
  for (ValueId output : lstm(g, spec, x, "lstm", {kNone, h, c})) g.output(output);
  const Graph graph = g.build();
  RouteOptions options = full_range("exact8");
  PreparedModel model = prepare(fuse(graph, options.backend), options.mapping, options.backend);
  Calibrator calibrator(model);
  const auto stream = [&](auto&& step) {
    Tensor state = Tensor::allocate(DType::kFloat32, spec.state()), cell = state;
    std::vector<float> last;
    for (uint32_t t = 0; t < 1000; ++t) {
      const auto out =
          step(Feeds{{"x", random_tensor(spec.x(), 900 + t)}, {"h", state}, {"c", cell}});
      state = out[1].tensor;
      cell = out[2].tensor;
      last.insert(last.end(), state.data<float>().begin(), state.data<float>().end());
    }
    return last;
  };
  Session plain(graph);
  int seen = 0;
  const auto want = stream([&](const Feeds& feeds) {
    if (++seen <= 100) calibrator.observe(feeds);
    return plain.run(feeds);
  });
  Session session(lower(convert(model)));
  session.run({{"x", random_tensor(spec.x(), 1)},
               {"h", Tensor::allocate(DType::kFloat32, spec.state())},
               {"c", Tensor::allocate(DType::kFloat32, spec.state())}});
  const SessionStats before = session.stats();
  const auto got = stream([&](const Feeds& feeds) { return session.run(feeds); });
  CHECK(session.stats().plans == before.plans);
  CHECK(session.stats().arena_bytes == before.arena_bytes);
  const auto half = [](const std::vector<float>& all, size_t which) {
    const auto size = static_cast<std::ptrdiff_t>(all.size() / 2);
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(which) * size;
    return Tensor::of<float>({size}, std::vector<float>(from, from + size));
  };
  const double early = sqnr_db(half(got, 0), half(want, 0));
  const double late = sqnr_db(half(got, 1), half(want, 1));
  INFO(early << " " << late);
  CHECK(early > 25);
  CHECK(late > early - 6);
}

// ---------------------------------------------------------------- the rest of the route
TEST_CASE("an LSTM of an old opset, and the tools that watch the observed graph", "[quant][lstm]") {
  GraphBuilder g(11);
  const LstmSpec spec;
  const auto out = lstm(g, spec, g.input("x", spec.x()));
  g.output(linear(g, reshape(g, out[0], {-1, spec.hidden}), spec.hidden, 3, "fc"));
  const Graph graph = g.build();
  const RouteOptions options = full_range("exact8");
  Routed routed = route(graph, options);
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearLSTM", 1}, {"Reshape", 1}, {"QGemm", 1}});
  CHECK(lowered_apart(routed) == "");
  BiasCorrector corrector(routed.prepared);
  corrector.observe(routed.sample);
  corrector.finish();
  const Graph corrected = lower(convert(routed.prepared));
  Comparator comparator(routed.prepared.graph, corrected);
  comparator.observe(routed.sample);
  CHECK(comparator.result().outputs[0].error.sqnr_db() > 30);
  const auto& layers = comparator.result().layers;
  const auto found = std::ranges::find(layers, std::string("lstm"), &LayerError::node);
  REQUIRE(found != layers.end());
  CHECK(found->error.sqnr_db() > 30);

  const Explanation told = explain(graph, options.mapping, options.backend);
  const auto row = std::ranges::find(told.nodes, std::string("lstm"), &NodeExplanation::node);
  REQUIRE(row != told.nodes.end());
  CHECK(row->quantized);
  CHECK(row->runs_as == "QLinearLSTM");
}

TEST_CASE("the weights of a quantized LSTM are bytes, and its packed form is no larger",
          "[quant][lstm]") {
  const Routed routed = route(lstm_alone({.input = 64, .hidden = 64}), full_range("exact8"));
  const auto constants = [](const Graph& graph) {
    size_t bytes = 0;
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      if (const Tensor* tensor = graph.constant(id)) bytes += tensor->size_bytes();
    }
    return bytes;
  };
  CHECK(constants(routed.lowered) * 3 < constants(routed.source));
  CHECK(constants(routed.quantized) * 3 < constants(routed.source));
}

}  // namespace
}  // namespace eightfold
