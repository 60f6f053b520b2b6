// The observed LSTM cell against PyTorch's quantizable LSTM (tests/golden/lstm): what each place is
// seen to hold, and, with the parameters of PyTorch's own test, how near the float output the
// quantized one comes. PyTorch rounds the products of X and of H to 8 bits before it adds them, we
// do not: outputs differ, and ours must be the nearer ones.
#include <catch_amalgamated.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ops/recurrent.h"
#include "quant/compare.h"
#include "support/data_files.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;
using Json = nlohmann::json;

Tensor floats(const Json& list, Shape shape) {
  return Tensor::of<float>(std::move(shape), list.get<std::vector<float>>());
}

Graph model_of(const Json& one) {
  const int64_t h = one["hidden"], i = one["input"];
  GraphBuilder g;
  const ValueId x = g.input("x", {one["steps"], one["batch"], i});
  g.output(g.nodes("LSTM",
                   {x, g.constant(floats(one["w"], {1, 4 * h, i}), "w"),
                    g.constant(floats(one["r"], {1, 4 * h, h}), "r"),
                    g.constant(floats(one["b"], {1, 8 * h}), "b")},
                   1, {{{"hidden_size", h}}, "", "lstm"})[0]);
  return g.build();
}

ObserverSpec spec(const char* observer, DType dtype, float scale = 1, int32_t zero_point = 0) {
  ObserverSpec made;
  made.observer = observer;
  made.dtype = dtype;
  made.scale = scale;
  made.zero_point = zero_point;
  return made;
}

double sqnr_db(const std::vector<float>& got, const std::vector<float>& want) {
  ErrorSums sums;
  sums.add(want, got);
  return sums.sqnr_db();
}

TEST_CASE("the observed LSTM cell sees and gives what PyTorch's does", "[quant][lstm][golden]") {
  std::ifstream file(source_folder() + "/tests/golden/lstm/lstm.json");
  const Json cases = Json::parse(file);
  REQUIRE(cases.size() == 2);
  for (const Json& one : cases) {
    const Graph graph = model_of(one);
    const Shape shape{one["steps"], one["batch"], one["input"]};
    const Feeds calibration{{"x", floats(one["calibration"], shape)}};
    const Feeds run{{"x", floats(one["run"], shape)}};
    const BackendConfig& target = backend("exact8");
    QConfig qconfig{spec("MinMaxObserver", DType::kUint8), default_qconfig().weight};
    qconfig.weight.observer = "MinMaxObserver";
    qconfig.weight.qscheme = QScheme::kPerTensorSymmetric;
    const auto prepared = [&](QConfigParts parts) {
      qconfig.parts = std::move(parts);
      PreparedModel model = prepare(graph, QConfigMapping().set_global(qconfig), target);
      Calibrator(model).observe(calibration);
      return model;
    };
    SECTION("ranges of hidden " + std::to_string(one["hidden"].get<int>())) {
      const PreparedModel model = prepared({{"linear", spec("MinMaxObserver", DType::kUint8)},
                                            {"sigmoid", spec("MinMaxObserver", DType::kUint8)},
                                            {"tanh", spec("MinMaxObserver", DType::kUint8)},
                                            {"state.1", spec("MinMaxObserver", DType::kInt8)},
                                            {"cell", spec("MinMaxObserver", DType::kUint8)}});
      const Node& node = model.graph.node(model.graph.nodes()[0]);
      const auto check = [&](size_t output, const Json& want) {
        const int slot = model.slot_of.at(node.output(output));
        const auto range = model.slots[static_cast<size_t>(slot)].observer->range();
        CHECK(range.first == Catch::Approx(want[0].get<float>()).margin(1e-6));
        CHECK(range.second == Catch::Approx(want[1].get<float>()).margin(1e-6));
      };
      const Json& want = one["ranges"];
      check(0, want["hidden"]);
      check(kTapLinear, want["linear"]);
      check(kTapSigmoid, want["sigmoid"]);
      check(kTapTanh, want["tanh"]);
      check(kTapCell, want["cell"]);
      const auto low = std::min(want["fc"][0].get<float>(), want["ig"][0].get<float>());
      const auto high = std::max(want["fc"][1].get<float>(), want["ig"][1].get<float>());
      check(kTapProducts, Json{low, high});
    }
    SECTION("numbers of hidden " + std::to_string(one["hidden"].get<int>())) {
      const auto want = one["y"].get<std::vector<float>>();
      const Tensor y = Session(graph).run(run)[0].tensor;
      CHECK(difference(y.reshaped({y.size()}), floats(one["y"], {y.size()}), kFloatSums) == "");
      // Table 5.2.
      const char* kFixed = "FixedQParamsObserver";
      const PreparedModel model =
          prepared({{"state.0", spec(kFixed, DType::kUint8, 1.0f / 128, 128)},
                    {"linear", spec(kFixed, DType::kUint16, 1.0f / 2048, 32768)},
                    {"sigmoid", spec(kFixed, DType::kUint16, 1.0f / 65536)},
                    {"tanh", spec(kFixed, DType::kUint16, 1.0f / 32768, 32768)},
                    {"cell", spec(kFixed, DType::kInt16, 1.0f / 2048)}});
      const Tensor got = Session(lower(convert(model))).run(run)[0].tensor;
      const double ours = sqnr_db({got.data<float>().begin(), got.data<float>().end()}, want);
      const double theirs = sqnr_db(one["quantized"].get<std::vector<float>>(), want);
      INFO(ours << " dB, PyTorch " << theirs << " dB");
      CHECK(ours > theirs);
      CHECK(theirs > 20);  // the golden is what it should be
    }
  }
}

}  // namespace
}  // namespace eightfold
