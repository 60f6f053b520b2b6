// Quantized LSTMs in files: both formats hold a float LSTM between pairs, with the parameters of
// its places in the metadata, and come back as the same integers. What the file contradicts is left
// as the file says. DynamicQuantizeLSTM is in files as it is.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "onnx/onnx.h"
#include "quant/compare.h"
#include "quant/lower_operands.h"
#include "support/layers.h"
#include "support/lstm.h"
#include "support/matchers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

Graph model(const LstmSpec& spec) {
  GraphBuilder g;
  const auto out =
      lstm(g, spec, g.input("x", spec.x()), "lstm",
           {kNone, g.constant(noise(spec.state(), -1, 1, 8), "h0"), g.input("c0", spec.state())});
  const int64_t all = spec.hidden * spec.directions();
  const ValueId rows = reshape(
      g, g.node("Transpose", {out[0]}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}), {-1, all});
  g.output(linear(g, rows, all, 3, "fc"));
  g.output(out[1]);
  g.output(out[2]);
  return g.build();
}

Graph saved(const Graph& graph) { return load_onnx(save_onnx(graph)); }

NodeId find_node(const Graph& graph, std::string_view op_type) {
  for (NodeId id : graph.nodes()) {
    if (graph.node(id).op_type == op_type) return id;
  }
  return kNone;
}

std::string& entry_of(Graph& graph) {
  for (auto& [key, text] : graph.model().metadata) {
    if (key == "eightfold.places:lstm") return text;
  }
  FAIL("the file has no entry");
  throw std::logic_error("unreachable");
}

double sqnr_db(const Tensor& got, const Tensor& want) {
  ErrorSums sums;
  const auto g = got.data<float>(), w = want.data<float>();
  sums.add({w.begin(), w.end()}, {g.begin(), g.end()});
  return sums.sqnr_db();
}

TEST_CASE("files hold a float LSTM that any runtime runs, and the integers come back",
          "[quant][lstm]") {
  for (const LstmSpec& spec :
       {LstmSpec{}, LstmSpec{.direction = "bidirectional"}, LstmSpec{.hidden = 1},
        LstmSpec{.hidden = 1, .direction = "bidirectional"}, LstmSpec{.bias = false}}) {
    for (const bool per_tensor : {false, true}) {
      for (const DType dtype : {DType::kUint8, DType::kInt8}) {
        QConfig qconfig = default_qconfig();
        qconfig.activation.dtype = dtype;
        if (per_tensor) {
          qconfig.weight.observer = "MinMaxObserver";
          qconfig.weight.qscheme = QScheme::kPerTensorSymmetric;
        }
        const Routed routed = route(model(spec), route_options("exact8", qconfig));
        INFO(spec.direction << " " << spec.hidden << " " << per_tensor << " " << dtype_name(dtype));
        std::vector<Graph> files{saved(to_qdq(routed.quantized))};
        if (dtype == DType::kUint8) files.push_back(saved(to_qoperator(routed.lowered)));
        for (const Graph& file : files) {
          // Nothing that onnxruntime would not know, in 8 bits all of it.
          CHECK(compute_ops(file)["LSTM"] == 1);
          CHECK(compute_ops(file)["QLinearLSTM"] == 0);
          CHECK(file.opset(kEightfoldDomain) == 0);
          for (ValueId id = 0; id < file.value_count(); ++id) {
            CHECK(file.value(id).type.dtype != DType::kInt16);
            CHECK(file.value(id).type.dtype != DType::kUint16);
          }
          const auto want = Session(routed.lowered).run(routed.sample);
          const auto as_is = Session(file).run(routed.sample);
          for (size_t i = 0; i < want.size(); ++i) {
            CHECK(as_is[i].name == want[i].name);
            CHECK(sqnr_db(as_is[i].tensor, want[i].tensor) > 25);
          }
          const Graph again = lower(file);
          CHECK(compute_ops(again) == compute_ops(routed.lowered));
          CHECK(bytes_apart(routed.lowered, again, routed.sample) == "");
          CHECK(again.model().metadata.empty());
          // And once more.
          if (dtype != DType::kUint8) continue;
          const Graph twice = lower(saved(to_qoperator(again)));
          CHECK(bytes_apart(routed.lowered, twice, routed.sample) == "");
        }
      }
    }
  }
}

TEST_CASE("a file whose pairs or entry were changed is taken as it is", "[quant][lstm]") {
  const Routed routed = route(model({}), full_range("exact8"));
  const Graph file = saved(to_qdq(routed.quantized));
  const auto stays_float = [&](const Graph& graph) {
    Remarks remarks;
    const Graph lowered = lower(graph, &remarks);
    CHECK(compute_ops(lowered)["LSTM"] == 1);
    CHECK(compute_ops(lowered)["QLinearLSTM"] == 0);
    const auto remark = std::ranges::find(remarks, std::string("LSTM"), &Remark::op_type);
    REQUIRE(remark != remarks.end());
    const auto want = Session(graph).run(routed.sample);
    const auto got = Session(lowered).run(routed.sample);
    for (size_t i = 0; i < want.size(); ++i) {
      CHECK(sqnr_db(got[i].tensor, want[i].tensor) > 30);
    }
    return remark->reason;
  };
  SECTION("no entry") {
    Graph changed = file;
    changed.model().metadata.clear();
    stays_float(changed);
  }
  SECTION("entries that are none") {
    for (const char* text :
         {"", "x", "x uint8", "x uint8 0.1", "x uint8 0.1 a", "x uint8 -1 0", "x uint8 nan 0",
          "x uint8 1e 0", "x uint99 0.1 0", ";;;", "x uint8 0.1 0"}) {
      INFO(text);
      Graph changed = file;
      entry_of(changed) = text;
      stays_float(changed);
    }
  }
  SECTION("another scale of x than its pair has") {
    Graph changed = file;
    const std::string text = entry_of(changed);
    entry_of(changed) = "x uint8 0.5 " + text.substr(text.find(' ', text.find("0.")) + 1);
    stays_float(changed);
  }
  SECTION("a zero point that does not fit its type, a place of a type that it cannot have") {
    for (const auto& [from, to] : {std::pair("sigmoid uint16", "sigmoid int16"),
                                   std::pair("linear uint16", "linear float32"),
                                   std::pair("-05 0;linear", "-05 99999;linear")}) {
      Graph changed = file;
      std::string& text = entry_of(changed);
      INFO(text << " " << from);
      const size_t at = text.find(from);
      REQUIRE(at != std::string::npos);
      text.replace(at, std::string(from).size(), to);
      stays_float(changed);
    }
  }
  SECTION("weights of a scale of 0") {
    Graph changed = file;
    const Node& lstm = changed.node(find_node(changed, "LSTM"));
    const ValueId scale = changed.producer(lstm.input(1))->input(1);
    changed.value(scale).initializer->mutable_data<float>()[3] = 0;
    const Graph lowered = lower(changed);
    CHECK(compute_ops(lowered)["LSTM"] == 1);
  }
  SECTION("weights that are float") {
    Graph changed = file;
    const NodeId id = find_node(changed, "LSTM");
    changed.set_input(id, 2, changed.add_initializer("other", noise({1, 20, 5})));
    stays_float(changed);
  }
  SECTION("a node that grew peepholes") {
    Graph changed = file;
    changed.set_input(find_node(changed, "LSTM"), 7, changed.add_initializer("p", noise({1, 15})));
    stays_float(changed);
  }
}

TEST_CASE("DynamicQuantizeLSTM: near the float LSTM, and in files as it is", "[quant][lstm]") {
  for (const char* preset : {"exact8", "onnxruntime", "native"}) {
    for (const char* name : {"per_channel_dynamic_qconfig", "default_dynamic_qconfig"}) {
      LstmSpec spec{.input = 12, .hidden = 20, .steps = 20, .batch = 1};
      spec.direction = "bidirectional";
      GraphBuilder g;
      for (ValueId output : lstm(g, spec, g.input("x", spec.x()))) g.output(output);
      const Routed routed = route(g.build(), route_options(preset, named_qconfig(name)));
      INFO(preset << " " << name);
      CHECK(compute_ops(routed.quantized) == OpCounts{{"DynamicQuantizeLSTM", 1}});
      CHECK(compute_ops(routed.lowered) == OpCounts{{"DynamicQuantizeLSTM", 1}});
      CHECK(
          std::ranges::none_of(routed.remarks, [](const Remark& r) { return r.kind == "float"; }));
      const auto want = Session(routed.source).run(routed.sample);
      const auto got = Session(routed.lowered).run(routed.sample);
      for (size_t i = 0; i < 3; ++i) CHECK(sqnr_db(got[i].tensor, want[i].tensor) > 30);
      for (const Graph& file :
           {saved(to_qdq(routed.quantized)), saved(to_qoperator(routed.lowered))}) {
        CHECK(file.opset(kMicrosoftDomain) == 1);
        CHECK(bytes_apart(routed.lowered, file, routed.sample) == "");
      }
    }
  }
}

}  // namespace
}  // namespace eightfold
