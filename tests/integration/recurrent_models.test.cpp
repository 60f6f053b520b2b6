// Recurrent models of the data folder reproduce their recorded outputs, every preset takes them
// through the whole route, and with their LSTMs in int8 they answer as in float: digits within half
// a point, speech in 99 of 100 steps, the state of either stream fed back to itself.
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>
#include <cstring>
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

namespace {

struct Digits {
  Tensor images;
  std::vector<uint8_t> labels;
};

Digits digits(const std::string& folder, const std::string& part, size_t count) {
  const std::string path = folder + "/mnist/" + part;
  const auto images = gunzip(read_file(path + "-images-idx3-ubyte.gz"));
  const auto labels = gunzip(read_file(path + "-labels-idx1-ubyte.gz"));
  Tensor tensor = Tensor::allocate(DType::kFloat32, {static_cast<int64_t>(count), 28, 28});
  const std::span<float> pixels = tensor.mutable_data<float>();
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(images[16 + i]) / 255;
  return {tensor, {labels.begin() + 8, labels.begin() + 8 + static_cast<std::ptrdiff_t>(count)}};
}

int right_answers(Session& session, const Digits& of) {
  const Tensor output = session.run({{"input", of.images}})[0].tensor;
  int right = 0;
  for (size_t i = 0; i < of.labels.size(); ++i) {
    const auto row = output.data<float>().subspan(10 * i, 10);
    right += std::ranges::max_element(row) - row.begin() == of.labels[i] ? 1 : 0;
  }
  return right;
}

bool has_integer_lstm(const Graph& graph) {
  const auto is = [&](std::string_view op) {
    return std::ranges::any_of(graph.nodes(),
                               [&](NodeId id) { return graph.node(id).op_type == op; });
  };
  return is("QLinearLSTM") && !is("LSTM");
}

// Steps of 512 samples behind the 64 before them, with the state that the model gave.
class Speech {
 public:
  explicit Speech(const std::string& folder) : signal_(64) {
    const auto wav = read_file(folder + "/speech/silero-test-first30s.wav");
    for (size_t at = 44; at + 1 < wav.size(); at += 2) {
      int16_t sample = 0;
      std::memcpy(&sample, &wav[at], sizeof sample);
      signal_.push_back(static_cast<float>(sample) / 32768);
    }
  }
  size_t steps() const { return (signal_.size() - 64) / 512; }

  // Calls with the feeds of the first steps; returns the probabilities.
  template <typename F>
  std::vector<float> run(Session& session, size_t count, F&& look) const {
    Tensor state = Tensor::allocate(DType::kFloat32, {2, 1, 128});
    std::vector<float> probabilities;
    for (size_t t = 0; t < count; ++t) {
      const auto from = signal_.begin() + static_cast<std::ptrdiff_t>(512 * t);
      const Feeds feeds{
          {"input", Tensor::of<float>({1, 576}, std::vector<float>(from, from + 576))},
          {"state", state},
          {"sr", Tensor::scalar<int64_t>(16000)}};
      look(feeds);
      const auto outputs = session.run(feeds);
      probabilities.push_back(outputs[0].tensor.data<float>()[0]);
      state = outputs[1].tensor;
    }
    return probabilities;
  }

 private:
  std::vector<float> signal_;
};

}  // namespace

TEST_CASE("digits by an int8 LSTM are right as often as by a float one", "[data][recurrent]") {
  const auto folder = data_folder();
  if (!folder) SKIP("no development data");
  const Graph graph = load_onnx(read_file(*folder + "/mnist-lstm/model.onnx"));
  const Digits calibration = digits(*folder, "calib", 400), test = digits(*folder, "test", 1000);
  Session plain(graph);
  const int want = right_answers(plain, test);
  for (const char* name : {"exact8", "fast8", "turbo"}) {
    PreparedModel model =
        prepare(fuse(graph, backend(name)), get_default_qconfig_mapping(name), backend(name));
    Calibrator(model).observe({{"input", calibration.images}});
    const Graph lowered = lower(convert(model));
    INFO(name);
    CHECK(has_integer_lstm(lowered));
    Session session(lowered);
    CHECK(right_answers(session, test) >= want - 5);
  }
}

TEST_CASE("speech is told by an int8 LSTM as by a float one", "[data][recurrent]") {
  const auto folder = data_folder();
  if (!folder) SKIP("no development data");
  const Graph graph = load_onnx(read_file(*folder + "/silero-vad-16k-op15/model.onnx"));
  const Speech speech(*folder);
  constexpr size_t kCalibration = 312;  // ten seconds
  PreparedModel model = prepare(fuse(graph, backend("exact8")),
                                get_default_qconfig_mapping("exact8"), backend("exact8"));
  Session plain(graph);
  Calibrator calibrator(model);
  speech.run(plain, kCalibration, [&](const Feeds& feeds) { calibrator.observe(feeds); });
  BiasCorrector corrector(model);
  speech.run(plain, kCalibration, [&](const Feeds& feeds) { corrector.observe(feeds); });
  corrector.finish();
  const Graph lowered = lower(convert(model));
  CHECK(has_integer_lstm(lowered));
  Session session(lowered);
  const auto want = speech.run(plain, speech.steps(), [](const Feeds&) {});
  const auto got = speech.run(session, speech.steps(), [](const Feeds&) {});
  REQUIRE(want.size() == 937);
  double apart = 0;
  int same = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    apart += std::abs(got[i] - want[i]);
    same += (got[i] > 0.5f) == (want[i] > 0.5f) ? 1 : 0;
  }
  CHECK(same * 100 >= 99 * static_cast<int>(want.size()));
  CHECK(apart / static_cast<double>(want.size()) <= 0.02);
}
