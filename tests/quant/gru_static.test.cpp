// Statically quantized GRU and RNN: their numbers against the simulation of their observed places
// and against the float ops; the four stages; nested QConfigs; what stays float and why; streams;
// files, which hold the float op and give the integers back.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "onnx/onnx.h"
#include "quant/compare.h"
#include "support/cell_simulation.h"
#include "support/layers.h"
#include "support/matchers.h"

namespace eightfold {
namespace {

using namespace test;

struct Kind {
  const char* op;
  CellKind kind;
  bool linear_before_reset = false;
  std::string integer() const { return std::string("QLinear") + op; }
  LstmSpec with(LstmSpec spec) const {
    if (linear_before_reset) spec.attributes.push_back({"linear_before_reset", int64_t{1}});
    return spec;
  }
};
const std::vector<Kind> kKinds{
    {"GRU", CellKind::kGru}, {"GRU", CellKind::kGru, true}, {"RNN", CellKind::kRnn}};

double sqnr_db(const Tensor& got, const Tensor& want) {
  ErrorSums sums;
  const auto g = got.data<float>(), w = want.data<float>();
  sums.add({w.begin(), w.end()}, {g.begin(), g.end()});
  return sums.sqnr_db();
}

Graph alone(const Kind& kind, const LstmSpec& spec) {
  GraphBuilder g;
  for (ValueId out : recurrent(g, kind.op, kind.with(spec), g.input("x", spec.x()), "cell")) {
    g.output(out);
  }
  return g.build();
}

TEST_CASE("a lowered GRU or RNN is the simulation of its observed places", "[quant][recurrent]") {
  for (const Kind& kind : kKinds) {
    for (const char* preset : {"exact8", "fast8", "turbo"}) {
      for (const bool per_tensor : {false, true}) {
        const LstmSpec spec{.input = 9, .hidden = 12, .steps = 40, .batch = 1};
        QConfig qconfig = get_default_qconfig(preset);
        if (per_tensor) {
          qconfig.weight.observer = "MinMaxObserver";
          qconfig.weight.qscheme = QScheme::kPerTensorSymmetric;
        }
        const Routed routed = route(alone(kind, spec), route_options(preset, qconfig));
        CHECK(compute_ops(routed.lowered) == OpCounts{{kind.integer(), 1}});
        const auto want = simulate_cells(routed, spec, kind.kind, kind.linear_before_reset);
        const Tensor got = Session(routed.lowered).run(routed.sample)[0].tensor;
        const float step = routed.prepared.slots[static_cast<size_t>(routed.slot("cell_0"))]
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
        INFO(kind.op << " " << kind.linear_before_reset << " " << preset << " " << per_tensor
                     << ": " << apart << " of " << want.size());
        CHECK(apart * 50 <= static_cast<int>(want.size()));
        CHECK(apart_soon <= 1);
      }
    }
  }
}

TEST_CASE("int8 GRUs and RNNs stay near the float ones", "[quant][recurrent]") {
  for (const Kind& kind : kKinds) {
    for (const LstmSpec& spec :
         {LstmSpec{.input = 16, .hidden = 24, .steps = 60},
          LstmSpec{.input = 16, .hidden = 24, .steps = 60, .direction = "bidirectional"},
          LstmSpec{.input = 16, .hidden = 24, .steps = 60, .direction = "reverse", .layout = 1},
          LstmSpec{.input = 5, .hidden = 33, .steps = 3, .batch = 4, .bias = false}}) {
      const Routed routed = route(alone(kind, spec), full_range("exact8"));
      const auto want = Session(routed.source).run(routed.sample);
      const auto got = Session(routed.lowered).run(routed.sample);
      // The observed twin computes what the float op computes.
      const auto seen = Session(routed.prepared.graph).run(routed.sample);
      for (size_t i = 0; i < 2; ++i) {
        INFO(kind.op << kind.linear_before_reset << " " << spec.direction << spec.layout
                     << " output " << i);
        // An RNN hands on the error of 8 bits whole at every step.
        CHECK(sqnr_db(got[i].tensor, want[i].tensor) > (kind.kind == CellKind::kRnn ? 20 : 30));
        CHECK(difference(seen[i].tensor, want[i].tensor) == "");
      }
    }
  }
}

TEST_CASE("lengths and initial states reach the integer cells", "[quant][recurrent]") {
  for (const Kind& kind : kKinds) {
    const LstmSpec spec{.steps = 6, .batch = 3, .direction = "bidirectional"};
    GraphBuilder g;
    const ValueId lengths =
        g.constant(Tensor::of<int32_t>({3}, std::vector<int32_t>{6, 2, 0}), "l");
    const ValueId x = g.input("x", spec.x()), h = g.input("h", spec.state());
    for (ValueId out : recurrent(g, kind.op, kind.with(spec), x, "cell", {lengths, h})) {
      g.output(out);
    }
    const Routed routed = route(g.build(), full_range("exact8"));
    CHECK(compute_ops(routed.lowered) == OpCounts{{kind.integer(), 1}});
    CHECK(pairs(routed.lowered) == Pairs{2, 2});
    const auto want = Session(routed.source).run(routed.sample);
    const auto got = Session(routed.lowered).run(routed.sample);
    for (size_t i = 0; i < 2; ++i) {
      const auto w = want[i].tensor.data<float>(), q = got[i].tensor.data<float>();
      CHECK(sqnr_db(got[i].tensor, want[i].tensor) > 25);
      for (size_t j = 0; j < w.size(); ++j) {
        if (w[j] == 0) CHECK(q[j] == 0);
      }
    }
  }
}

TEST_CASE("a stream whose state is fed back is the whole sequence, bit for bit",
          "[quant][recurrent]") {
  for (const Kind& kind : kKinds) {
    const LstmSpec spec{.input = 8, .hidden = 16, .steps = -1, .batch = 1};
    GraphBuilder g;
    const ValueId x = g.input("x", spec.x()), h = g.input("h", spec.state());
    for (ValueId out : recurrent(g, kind.op, kind.with(spec), x, "cell", {kNone, h})) g.output(out);
    const Graph graph = g.build();
    const RouteOptions options = full_range("exact8");
    PreparedModel model = prepare(fuse(graph, options.backend), options.mapping, options.backend);
    const int64_t steps = 300;
    const Tensor all = random_tensor({steps, 1, 8}, 900);
    const Tensor none = Tensor::allocate(DType::kFloat32, spec.state());
    Calibrator(model).observe({{"x", random_tensor({100, 1, 8}, 901)}, {"h", none}});
    Session session(lower(convert(model)));
    const auto whole = session.run({{"x", all}, {"h", none}});
    Tensor state = none;
    for (int64_t t = 0; t < steps; ++t) {
      const auto row = all.data<float>().subspan(static_cast<size_t>(8 * t), 8);
      const auto out = session.run(
          {{"x", Tensor::of<float>({1, 1, 8}, std::vector<float>(row.begin(), row.end()))},
           {"h", state}});
      state = out[1].tensor;
      const auto y = out[0].tensor.data<float>();
      REQUIRE(std::equal(y.begin(), y.end(), whole[0].tensor.data<float>().begin() + 16 * t));
    }
    CHECK(difference(state, whole[1].tensor) == "");
    CHECK(session.stats().plans == 2);
  }
}

// ---------------------------------------------------------------- stages and QConfigs
TEST_CASE("the four stages of a GRU and of an RNN", "[quant][recurrent]") {
  const auto routed_of = [](const char* op) {
    GraphBuilder g;
    const LstmSpec spec;
    const auto out =
        recurrent(g, op, spec, g.input("x", spec.x()), "cell", {kNone, g.input("h", spec.state())});
    g.output(linear(g, reshape(g, out[0], {-1, spec.hidden}), spec.hidden, 3, "lin"));
    g.output(out[1]);
    return route(g.build(), full_range("exact8"));
  };
  const Routed gru = routed_of("GRU"), rnn = routed_of("RNN");
  CHECK(
      lines(gru.prepared.graph) ==
      "cell_0, cell_1, cell_linear, cell_sigmoid, cell_tanh, cell_state.0, cell_y = GRU(x, -, h)\n"
      "Reshape_1_0 = Reshape(cell_0)\n"
      "lin_0 = Gemm(Reshape_1_0)\n");
  CHECK(lines(rnn.prepared.graph) ==
        "cell_0, cell_1, cell_linear = RNN(x, -, h)\n"
        "Reshape_1_0 = Reshape(cell_0)\n"
        "lin_0 = Gemm(Reshape_1_0)\n");
  for (const Routed* routed : {&gru, &rnn}) {
    const std::string op = routed == &gru ? "GRU" : "RNN";
    CHECK(lines(routed->lowered) ==
          "h_for_cell_quantized = QuantizeLinear(h)\n"
          "x_quantized = QuantizeLinear(x)\n"
          "cell_0_quantized, cell_1_quantized = QLinear" +
              op +
              "(x_quantized, -, h_for_cell_quantized)\n"
              "cell_1 = DequantizeLinear(cell_1_quantized)\n"
              "Reshape_1_0_quantized = Reshape(cell_0_quantized)\n"
              "lin_0_quantized = QGemm(Reshape_1_0_quantized)\n"
              "lin_0 = DequantizeLinear(lin_0_quantized)\n");
    CHECK(lowered_apart(*routed) == "");
  }
  // The state that a GRU carries has 16 bits and parameters of its own, that of an RNN is Y.
  CHECK(gru.slot("cell_1") != gru.slot("cell_0"));
  CHECK(gru.spec("cell_1").dtype == DType::kInt16);
  CHECK(rnn.slot("cell_1") == rnn.slot("cell_0"));
}

TEST_CASE("places of a GRU in a nested QConfig", "[quant][recurrent]") {
  QConfig qconfig = default_qconfig();
  ObserverSpec bytes = default_qconfig().activation, wide = bytes;
  bytes.observer = "MinMaxObserver";
  wide.dtype = DType::kInt16;
  RouteOptions options = full_range("exact8");
  qconfig.parts = {{"state.0", bytes}, {"x", bytes}};
  options.mapping.set_object_type("GRU", qconfig);
  const Routed routed = route(alone(kKinds[0], {}), options);
  CHECK(routed.spec("x").observer == "MinMaxObserver");
  CHECK(routed.spec("cell_1").dtype == DType::kUint8);
  CHECK(compute_ops(routed.lowered) == OpCounts{{"QLinearGRU", 1}});
  const auto refused = [&](QConfigParts parts) {
    qconfig.parts = std::move(parts);
    options.mapping.set_object_type("GRU", qconfig);
    try {
      route(alone(kKinds[0], {}), options);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidConfig);
      return error.message() + "; " + error.hint();
    }
    return std::string("not refused");
  };
  CHECK(refused({{"state.1", wide}}) ==
        "GRU has no place 'state.1'; it has x, y, state.0, linear, sigmoid, tanh");
  CHECK(refused({{"y", wide}}) ==
        "the place 'y' of GRU cannot be int16; it takes uint8 or int8, per tensor");
}

TEST_CASE("GRUs and RNNs that have no integer form stay float, with the reason",
          "[quant][recurrent]") {
  struct Row {
    const char* op;
    std::string reason;
    Attribute attribute;
  };
  const std::vector<std::string> hard{"HardSigmoid", "Tanh"}, relu{"Relu"};
  for (const Row& row :
       {Row{"GRU", "its cell clips what its gates read", {"clip", 3.0f}},
        Row{"GRU", "its cell has other activations than Sigmoid, Tanh", {"activations", hard}},
        Row{"RNN", "its cell clips what its gates read", {"clip", 3.0f}},
        Row{"RNN", "its cell has other activations than Tanh", {"activations", relu}}}) {
    const Kind kind{row.op, CellKind::kGru};
    const Routed routed = route(alone(kind, {.attributes = {row.attribute}}), full_range("exact8"));
    CHECK(routed.plan("cell_0").reason == row.reason);
    CHECK(compute_ops(routed.lowered) == OpCounts{{row.op, 1}});
    CHECK(pairs(routed.lowered) == Pairs{0, 0});
  }
}

// ---------------------------------------------------------------- files
Graph saved(const Graph& graph) { return load_onnx(save_onnx(graph)); }

TEST_CASE("files hold a float GRU or RNN that any runtime runs, and the integers come back",
          "[quant][recurrent]") {
  for (const Kind& kind : kKinds) {
    for (const LstmSpec& spec :
         {LstmSpec{}, LstmSpec{.direction = "bidirectional"}, LstmSpec{.hidden = 1},
          LstmSpec{.direction = "reverse", .layout = 1}, LstmSpec{.bias = false}}) {
      GraphBuilder g;
      const auto out = recurrent(g, kind.op, kind.with(spec), g.input("x", spec.x()), "cell",
                                 {kNone, g.input("h", spec.state())});
      g.output(linear(g, reshape(g, out[0], {-1, spec.hidden}), spec.hidden, 3, "fc"));
      g.output(out[1]);
      const Graph graph = g.build();
      for (const DType dtype : {DType::kUint8, DType::kInt8}) {
        QConfig qconfig = default_qconfig();
        qconfig.activation.dtype = dtype;
        const Routed routed = route(graph, route_options("exact8", qconfig));
        INFO(kind.op << kind.linear_before_reset << spec.direction << spec.hidden
                     << dtype_name(dtype));
        std::vector<Graph> files{saved(to_qdq(routed.quantized))};
        if (dtype == DType::kUint8) files.push_back(saved(to_qoperator(routed.lowered)));
        const auto want = Session(routed.lowered).run(routed.sample);
        for (const Graph& file : files) {
          // Nothing that onnxruntime would not know, in 8 bits all of it.
          CHECK(compute_ops(file)[kind.op] == 1);
          CHECK(compute_ops(file)[kind.integer()] == 0);
          CHECK(file.opset(kEightfoldDomain) == 0);
          for (ValueId id = 0; id < file.value_count(); ++id) {
            CHECK(file.value(id).type.dtype != DType::kInt16);
            CHECK(file.value(id).type.dtype != DType::kUint16);
          }
          const auto as_is = Session(file).run(routed.sample);
          for (size_t i = 0; i < want.size(); ++i) {
            CHECK(as_is[i].name == want[i].name);
            CHECK(sqnr_db(as_is[i].tensor, want[i].tensor) > 20);
          }
          const Graph again = lower(file);
          CHECK(compute_ops(again) == compute_ops(routed.lowered));
          CHECK(bytes_apart(routed.lowered, again, routed.sample) == "");
          CHECK(again.model().metadata.empty());
        }
        // What the file contradicts is taken as it stands.
        Graph changed = files[0];
        changed.model().metadata[0].second.insert(0, "x uint8 0.5 1;");
        CHECK(compute_ops(lower(changed))[kind.op] == 1);
      }
    }
  }
}

TEST_CASE("dynamic GRUs and RNNs: near the float ones, and in files with dequantized weights",
          "[quant][recurrent]") {
  for (const Kind& kind : kKinds) {
    for (const char* preset : {"exact8", "native"}) {
      for (const char* name : {"per_channel_dynamic_qconfig", "default_dynamic_qconfig"}) {
        LstmSpec spec{.input = 12, .hidden = 20, .steps = 20, .batch = 1};
        spec.direction = "bidirectional";
        const Routed routed = route(alone(kind, spec), route_options(preset, named_qconfig(name)));
        INFO(kind.op << kind.linear_before_reset << " " << preset << " " << name);
        const std::string op = std::string("DynamicQuantize") + kind.op;
        CHECK(compute_ops(routed.lowered) == OpCounts{{op, 1}});
        const auto want = Session(routed.source).run(routed.sample);
        const auto got = Session(routed.lowered).run(routed.sample);
        for (size_t i = 0; i < 2; ++i) CHECK(sqnr_db(got[i].tensor, want[i].tensor) > 25);
        for (const Graph& file :
             {saved(to_qdq(routed.quantized)), saved(to_qoperator(routed.lowered))}) {
          CHECK(compute_ops(file)[kind.op] == 1);
          CHECK(file.opset(kEightfoldDomain) == 0);
          const auto as_is = Session(file).run(routed.sample);
          for (size_t i = 0; i < 2; ++i) CHECK(sqnr_db(as_is[i].tensor, want[i].tensor) > 25);
          const Graph again = lower(file);
          CHECK(compute_ops(again) == compute_ops(routed.lowered));
          CHECK(again.model().metadata.empty());
          CHECK(bytes_apart(routed.lowered, again, routed.sample) == "");
        }
      }
    }
  }
}

}  // namespace
}  // namespace eightfold
