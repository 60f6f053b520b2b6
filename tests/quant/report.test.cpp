// compare and report: the numbers by definition, the reasons, the JSON.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "quant/compare.h"
#include "quant/compare_values.h"
#include "quant/report.h"
#include "support/hand_prepared.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// x -> Conv a -> Relu r -> MaxPool p -> Exp e; all but Exp quantized.
struct Model {
  HandPrepared hand;
  Graph quantized, lowered;
  Remarks remarks;

  Model() : hand(sketch()) {
    hand.observe("x", 0.01f, 128).observe("r", 0.03f, 0).share("p", "r");
    hand.quantize("a").quantize("r").quantize("p");
    hand.model.plans[producer_of(hand.model.graph, "e")].reason = "the backend has no pattern";
    quantized = convert(hand.model, &remarks);
    lowered = lower(quantized, &remarks);
  }

  static Graph sketch() {
    Sketch s;
    const ValueId x = s.input("x", {1, 2, 4, 4});
    const ValueId w = s.constant("w", noise({3, 2, 3, 3}));
    const ValueId a = s.node("Conv", {x, w}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}}, "a");
    const ValueId r = s.node("Relu", {a}, {}, "r");
    const ValueId p = s.node("MaxPool", {r}, {{"kernel_shape", std::vector<int64_t>{2, 2}}}, "p");
    return s.finish({s.node("Exp", {p}, {}, "e")});
  }
};

Feeds feeds(uint32_t seed) { return {{"x", noise({1, 2, 4, 4}, -1, 1, seed)}}; }

}  // namespace

TEST_CASE("SQNR is ten times the logarithm of signal over noise") {
  ErrorSums sums;
  CHECK(std::isnan(sums.sqnr_db()));
  sums.add({3.0f, 4.0f}, {3.0f, 4.0f});
  CHECK(std::isinf(sums.sqnr_db()));
  sums.add({0.0f, 0.0f}, {0.3f, -0.4f});  // signal 25, noise 0.25
  CHECK(sums.sqnr_db() == Catch::Approx(20.0).margin(1e-5));
  CHECK(sums.max_error == Catch::Approx(0.4));
  CHECK(sums.elements == 4);
}

TEST_CASE("values are matched by name and read through their parameters") {
  const Model model;
  for (const Graph* graph : {&model.quantized, &model.lowered}) {
    std::vector<std::string> names;
    for (const ValuePair& pair : match_values(model.hand.model.graph, *graph)) {
      names.push_back(model.hand.model.graph.value(pair.reference).name);
      if (names.back() == "r" || names.back() == "p") {
        REQUIRE(pair.params.has_value());
        CHECK(pair.params->scale == 0.03f);
      }
    }
    CHECK(std::ranges::find(names, "r") != names.end());
    CHECK(std::ranges::find(names, "p") != names.end());
    CHECK(std::ranges::find(names, "e") != names.end());
  }
}

TEST_CASE("the comparator gives the same numbers as two runs side by side") {
  const Model model;
  const Graph& reference = model.hand.model.graph;
  Comparator comparator(reference, model.lowered);
  ErrorSums by_hand;
  for (uint32_t seed : {1u, 2u, 3u}) {
    comparator.observe(feeds(seed));
    const Tensor x = Session(reference).run(feeds(seed))[0].tensor;
    const Tensor y = Session(model.lowered).run(feeds(seed))[0].tensor;
    by_hand.add({x.data<float>().begin(), x.data<float>().end()},
                {y.data<float>().begin(), y.data<float>().end()});
  }
  const Comparison& result = comparator.result();
  CHECK(result.samples == 3);
  REQUIRE(result.outputs.size() == 1);
  CHECK(result.outputs[0].error.sqnr_db() == Catch::Approx(by_hand.sqnr_db()));
  CHECK(result.outputs[0].error.max_error == Catch::Approx(by_hand.max_error));
  CHECK(by_hand.sqnr_db() > 20.0);
  CHECK(by_hand.sqnr_db() < 80.0);
  REQUIRE(result.outputs[0].argmax_agreement().has_value());
  CHECK(*result.outputs[0].argmax_agreement() > 0.8);
  // The last layer is the output.
  CHECK(result.layers.back().value == "e");
  CHECK(result.layers.back().error.sqnr_db() == Catch::Approx(by_hand.sqnr_db()));
}

TEST_CASE("comparing a graph with itself finds no error") {
  const Graph graph = Model::sketch();
  Comparator comparator(graph, graph);
  comparator.observe(feeds(1));
  CHECK(comparator.result().layers.size() == 4);
  for (const LayerError& layer : comparator.result().layers) {
    CHECK(std::isinf(layer.error.sqnr_db()));
  }
  CHECK(*comparator.result().outputs[0].argmax_agreement() == 1.0);
}

TEST_CASE("models with other outputs are refused") {
  Sketch s;
  const Graph other = s.finish({s.node("Exp", {s.input("x", {1, 2, 4, 4})}, {}, "other")});
  CHECK_THROWS_AS(Comparator(Model::sketch(), other), Error);
}

TEST_CASE("the report says what is int8, what is not and why") {
  const Model model;
  Comparator comparator(model.hand.model.graph, model.lowered);
  comparator.observe(feeds(1));
  const Report report = make_report({.prepared = &model.hand.model,
                                     .lowered = &model.lowered,
                                     .comparison = &comparator.result(),
                                     .remarks = model.remarks,
                                     .sample = feeds(1),
                                     .float_bytes = 1000,
                                     .int8_bytes = 300});
  REQUIRE(report.layers.size() == 4);
  CHECK(report.layers[0].op_type == "Conv");
  CHECK(report.layers[0].int8);
  CHECK(report.layers[0].macs == 3 * 16 * 2 * 9);
  CHECK(report.layers[0].weight_scheme == "int8 per channel, symmetric");
  CHECK(report.layers[1].int8);  // the Relu went into the convolution
  CHECK(report.layers[2].int8);
  CHECK_FALSE(report.layers[3].int8);
  CHECK(report.layers[3].reason == "the operator has no int8 form");
  CHECK(report.macs == report.int8_macs);
  CHECK(report.layers[1].sqnr.has_value());

  const auto json = nlohmann::json::parse(to_json(report));
  CHECK(json["bytes"]["float"] == 1000);
  CHECK(json["bytes"]["int8"] == 300);
  CHECK(json["layers"].size() == 4);
  CHECK(json["layers"][0]["opType"] == "Conv");
  CHECK(json["layers"][0]["weightScheme"] == "int8 per channel, symmetric");
  CHECK(json["outputs"][0]["name"] == "e");
  CHECK(json["outputs"][0]["sqnr"].is_number());
  CHECK(nlohmann::json::parse(to_json(comparator.result()))["samples"] == 1);
}
