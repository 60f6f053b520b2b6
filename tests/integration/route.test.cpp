// The whole route on real models: load, fuse, prepare, calibrate, correct, convert, lower, export.
// Needs the development data; the recorded input of each model is both calibration and test sample,
// so these are tests of the machinery, not of accuracy (tests/accuracy measures that).
#include <catch_amalgamated.hpp>
#include <cmath>

#include "eightfold.h"
#include "onnx/read_tensor.h"
#include "support/data_files.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct ModelRow {
  const char* name;
  double int8_share;  // of the MACs, at least
  double sqnr_db;     // of the worst output against float, at least
};
// Floors well below what is measured; they fall when a step of the route is broken.
constexpr ModelRow kModels[] = {
    {"mnist-cnn-8", 0.95, 25},           {"resnet8-cifar10", 0.95, 15},
    {"darknet-tiny-imagenet", 0.95, 10}, {"vww-mobilenet-0.25-96", 0.95, 15},
    {"ultraface-rfb-320", 0.90, 15},     {"superres-3x", 0.90, 25},
    {"autoencoder-ad", 0.95, 20},        {"hand-keypoint-mlp", 0.95, 20},
};

struct Routed {
  PreparedModel prepared;
  Graph quantized, lowered;
  Remarks remarks;
};

Routed route(const Graph& graph, const Feeds& sample) {
  Routed routed;
  const BackendConfig& target = backend(kDefaultBackend);
  const Graph fused = fuse(graph, target, &routed.remarks);
  verify(fused);
  QConfigMapping mapping;
  mapping.set_global(default_qconfig());
  routed.prepared = prepare(fused, mapping, target);
  Calibrator(routed.prepared).observe(sample);
  BiasCorrector corrector(routed.prepared);
  corrector.observe(sample);
  corrector.finish();
  routed.quantized = convert(routed.prepared, &routed.remarks);
  verify(routed.quantized);
  routed.lowered = lower(routed.quantized, &routed.remarks);
  verify(routed.lowered);
  return routed;
}

// SQNR of the worst float output of `b` against `a`; integer outputs are not judged.
double worst_sqnr(const Graph& a, const Graph& b, const Feeds& feeds) {
  Comparator comparator(a, b);
  comparator.observe(feeds);
  double worst = INFINITY;
  for (const OutputError& output : comparator.result().outputs) {
    if (output.error.elements > 0) worst = std::min(worst, output.error.sqnr_db());
  }
  return worst;
}

// The recorded inputs of the model's test_data_set_0, in the order of its required inputs.
Feeds recorded_inputs(const std::string& folder, const Graph& graph) {
  Feeds feeds;
  for (ValueId id : graph.required_inputs()) {
    const std::string path =
        folder + "/test_data_set_0/input_" + std::to_string(feeds.size()) + ".pb";
    const std::vector<uint8_t> bytes = read_file(path);
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    feeds.push_back({graph.value(id).name, read_tensor(view, {view, nullptr, nullptr}).tensor});
  }
  return feeds;
}

Graph saved_and_loaded(const Graph& graph) { return load_onnx(save_onnx(graph)); }

void check_same_bits(const Graph& a, const Graph& b, const Feeds& feeds) {
  const auto left = Session(a).run(feeds);
  const auto right = Session(b).run(feeds);
  REQUIRE(left.size() == right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    INFO(left[i].name);
    const Tensor &x = left[i].tensor, &y = right[i].tensor;
    REQUIRE(x.size_bytes() == y.size_bytes());
    CHECK(std::equal(static_cast<const uint8_t*>(x.raw()),
                     static_cast<const uint8_t*>(x.raw()) + x.size_bytes(),
                     static_cast<const uint8_t*>(y.raw())));
  }
}

}  // namespace

TEST_CASE("real models go the whole route", "[data]") {
  const auto folder = data_folder();
  if (!folder) SKIP("no development data");
  for (const ModelRow& row : kModels) {
    DYNAMIC_SECTION(row.name) {
      const std::string model = *folder + "/" + row.name;
      const Graph graph = load_onnx(read_file(model + "/model.onnx"));
      const Feeds sample = recorded_inputs(model, graph);
      const Routed routed = route(graph, sample);

      const Report report = make_report({.prepared = &routed.prepared,
                                         .lowered = &routed.lowered,
                                         .remarks = routed.remarks,
                                         .sample = sample});
      CHECK(static_cast<double>(report.int8_macs) >=
            row.int8_share * static_cast<double>(report.macs));
      CHECK(report.macs > 0);
      for (const LayerReport& layer : report.layers) {
        INFO(layer.node);
        CHECK((layer.int8 || !layer.reason.empty()));
      }
      CHECK(worst_sqnr(graph, routed.lowered, sample) >= row.sqnr_db);
      // The integers against the float reference between the same pairs.
      CHECK(worst_sqnr(routed.quantized, routed.lowered, sample) >= 30.0);

      const Graph qdq = saved_and_loaded(to_qdq(routed.quantized));
      verify(qdq);
      check_same_bits(routed.quantized, qdq, sample);
      const Graph qoperator = saved_and_loaded(to_qoperator(routed.lowered));
      verify(qoperator);
      // A layer that carries LeakyRelu is float nodes between pairs in a file, integers again when
      // read.
      check_same_bits(routed.lowered, lower(qoperator), sample);
      // Lowering our own export, as any QDQ file, gives the same integers.
      check_same_bits(routed.lowered, lower(qdq), sample);
    }
  }
}
