// Recurrent models of the data folder reproduce their recorded outputs, and every preset takes them
// through the whole route with the LSTM left in float.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "eightfold.h"
#include "onnx/read_tensor.h"
#include "support/data_files.h"
#include "support/matchers.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

std::vector<Tensor> recorded(const std::string& model, const std::string& kind, size_t count) {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < count; ++i) {
    const auto bytes =
        read_file(model + "/test_data_set_0/" + kind + "_" + std::to_string(i) + ".pb");
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    tensors.push_back(read_tensor(view, {view, nullptr, nullptr}).tensor);
  }
  return tensors;
}

Feeds feeds_of(const Graph& graph, const std::vector<Tensor>& inputs) {
  Feeds feeds;
  for (ValueId id : graph.required_inputs()) {
    feeds.push_back({graph.value(id).name, inputs[feeds.size()]});
  }
  return feeds;
}

}  // namespace

TEST_CASE("recurrent models reproduce their recorded outputs", "[data][recurrent]") {
  const auto folder = data_folder();
  if (!folder) SKIP("no development data");
  for (const char* name : {"mnist-lstm", "gtcrn-denoise"}) {
    DYNAMIC_SECTION(name) {
      const std::string model = *folder + "/" + name;
      const Graph graph = load_onnx(read_file(model + "/model.onnx"));
      const auto want = recorded(model, "output", graph.outputs.size());
      const auto got = Session(graph).run(
          feeds_of(graph, recorded(model, "input", graph.required_inputs().size())));
      for (size_t i = 0; i < want.size(); ++i) {
        INFO(got[i].name);
        CHECK(difference(got[i].tensor, want[i], kModel) == "");
      }
    }
  }
}

namespace {

double sqnr_db(const Tensor& got, const Tensor& want) {
  double error = 0, energy = 0;
  for (size_t i = 0; i < want.data<float>().size(); ++i) {
    const double w = want.data<float>()[i], e = got.data<float>()[i] - w;
    error += e * e;
    energy += w * w;
  }
  return 10 * std::log10(energy / error);
}

}  // namespace

TEST_CASE("every preset takes an LSTM through the route", "[data][recurrent]") {
  const auto folder = data_folder();
  if (!folder) SKIP("no development data");
  const std::string model = *folder + "/mnist-lstm";
  const Graph graph = load_onnx(read_file(model + "/model.onnx"));
  const Feeds sample = feeds_of(graph, recorded(model, "input", 1));
  const Tensor want = Session(graph).run(sample)[0].tensor;
  for (const std::string& name : backend_names()) {
    for (const bool dynamic : {false, true}) {
      INFO(name << (dynamic ? ", dynamic" : ", static"));
      const Graph fused = fuse(graph, backend(name));
      const QConfigMapping mapping =
          dynamic ? qconfig_mapping_around(named_qconfig("default_dynamic_qconfig"), name)
                  : get_default_qconfig_mapping(name);
      PreparedModel prepared = prepare(fused, mapping, backend(name));
      Calibrator(prepared).observe(sample);
      const Graph lowered = lower(convert(prepared));
      verify(lowered);
      CHECK(sqnr_db(Session(lowered).run(sample)[0].tensor, want) > 20);
    }
  }
}
