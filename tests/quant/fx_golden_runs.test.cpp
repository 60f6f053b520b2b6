// What calibration finds and the reference model answers, number by number, against PyTorch
// (tests/golden/fx: `runs`).
#include <algorithm>
#include <catch_amalgamated.hpp>
#include <cmath>

#include "support/fx_runs.h"
#include "support/matchers.h"

namespace eightfold {
namespace {

using namespace test;

const std::string kOfOutput =
    "fixed parameters are those of what comes out; PyTorch observes the input with them too";

std::string qparams_text(float scale, int32_t zero_point) {
  return "scale " + Json(scale).dump() + " zero point " + std::to_string(zero_point);
}

std::string range_text(float min, float max) { return Json({min, max}).dump(); }

// ---------------------------------------------------------------- observers and weights
void compare_observers(GoldenRows& rows, const std::string& name, const PreparedModel& model,
                       const Json& graph, const Json& run) {
  for (const Json& observed : graph["observed"]) {
    const Json& golden = run["observers"][observed["observer"].get<size_t>()];
    const std::string value = observed["value"];
    const auto slot = model.slot_of.find(model.graph.find_value(value));
    std::string ours = "not observed";
    if (slot != model.slot_of.end()) {
      const Observer& observer = *model.slots[static_cast<size_t>(slot->second)].observer;
      const QParams found = observer.qparams();
      ours = qparams_text(found.scale[0], found.zero_point[0]);
      const auto [min, max] = observer.range();
      if (golden.contains("min")) ours += " of " + range_text(min, max);
    }
    std::string text = qparams_text(golden["scale"], golden["zeroPoint"]);
    if (golden.contains("min")) text += " of " + range_text(golden["min"], golden["max"]);
    rows.compare(name + ": " + value, ours, text);
  }
}

void compare_weights(GoldenRows& rows, const std::string& name, const PreparedModel& model,
                     const Json& run) {
  for (const Json& weight : run["weights"]) {
    const std::string node = weight["node"];
    std::string ours = "not quantized";
    for (const auto& [id, plan] : model.plans) {
      if (model.graph.node(id).name != node || plan.weight_slot < 0) continue;
      const auto slot = static_cast<size_t>(plan.weight_slot);
      ours = Json(model.weight_slots[slot].observer->qparams().scale).dump();
    }
    rows.compare(name + ": " + node, ours, Json(weight["scale"].get<std::vector<float>>()).dump());
  }
}

TEST_CASE("calibration finds PyTorch's parameters", "[fx]") {
  const std::string folded = "[0.003354010172188282,0.0035027104895561934,0.00378970499150455]";
  const std::string last_bit = "PyTorch folds batch normalization in float32";
  std::vector<KnownDifference> of_output;
  for (const char* backend : {"fbgemm", "x86", "qnnpack", "onednn", "native"}) {
    of_output.push_back({"sigmoid, minmax, " + std::string(backend) + ": x",
                         "scale 0.013480392284691334 zero point 119", kOfOutput});
  }
  GoldenRows observers("runs, observers", of_output);
  GoldenRows weights("runs, weights", {{"conv_bn_relu, minmax*", folded, last_bit},
                                       {"conv_bn_relu, default, fbgemm*", folded, last_bit},
                                       {"conv_bn_relu, default, x86*", folded, last_bit},
                                       {"conv_bn_relu, default, onednn*", folded, last_bit},
                                       {"conv_bn_relu, default, native*", folded, last_bit}});
  for (const Json& run : fx_section("runs")) {
    for (const std::string backend : run["backends"]) {
      const std::string model = run["model"], mapping = run["mapping"];
      const std::string name = model + ", " + mapping + ", " + backend;
      const PreparedModel prepared = fx_prepared(model, mapping, backend);
      compare_observers(observers, name, prepared, fx_graph_row(model, backend), run);
      compare_weights(weights, name, prepared, run);
    }
  }
  observers.finish(479, 5);
  weights.finish(169, 9);
}

// ---------------------------------------------------------------- outputs
// Empty when no element is further away than `allowed` steps of the golden's output, or, where that
// is float, than the tolerance.
std::string distance(const Tensor& got, const Json& golden, long allowed) {
  REQUIRE(got.shape() == golden["dims"].get<Shape>());
  if (golden.contains("values")) {
    const auto values = golden["values"].get<std::vector<float>>();
    return difference(got, Tensor::of<float>(got.shape(), values), kFloatMath);
  }
  const float scale = golden["scale"];
  const long zero_point = golden["zeroPoint"];
  long furthest = 0, elements = 0;
  for (size_t i = 0; i < golden["ints"].size(); ++i) {
    const long step = std::lround(got.data<float>()[i] / scale) + zero_point;
    const long away = std::abs(step - golden["ints"][i].get<long>());
    if (away > allowed) ++elements;
    furthest = std::max(furthest, away);
  }
  if (elements == 0) return {};
  return std::to_string(furthest) + " steps, " + std::to_string(elements) + " elements";
}

TEST_CASE("reference and lowered models answer what PyTorch's reference model does", "[fx]") {
  const std::string int_bias =
      "biases are int32 here, float in PyTorch: one sum crosses the middle of two steps";
  const std::string clipped =
      "what lies past a reduced range is clamped to it; PyTorch goes on to 255";
  GoldenRows reference("runs, reference",
                       {{"sigmoid, minmax*", "42 steps, 8 elements", kOfOutput},
                        {"cat_convs, minmax*", "1 steps, 1 elements", int_bias},
                        {"cat_convs, default, fbgemm", "8 steps, 1 elements", clipped},
                        {"cat_convs, default, x86", "8 steps, 1 elements", clipped},
                        {"cat_convs, default, native", "8 steps, 1 elements", clipped}});
  GoldenRows lowered("runs, lowered",
                     {{"sigmoid, minmax*", "42 steps, 8 elements", kOfOutput},
                      {"cat_convs, default, fbgemm", "8 steps, 1 elements", clipped},
                      {"cat_convs, default, x86", "8 steps, 1 elements", clipped},
                      {"cat_convs, default, native", "8 steps, 1 elements", clipped}});
  for (const Json& run : fx_section("runs")) {
    for (const std::string backend : run["backends"]) {
      const std::string model = run["model"], mapping = run["mapping"];
      const std::string name = model + ", " + mapping + ", " + backend;
      PreparedModel prepared = fx_prepared(model, mapping, backend);
      round_as_pytorch(prepared);
      const Graph quantized = convert(prepared);
      const Feeds feeds = fx_feeds(model, kCalibrationBatches);
      Session session(quantized);
      reference.compare(name, distance(session.run(feeds)[0].tensor, run["output"], 0), "");
      Session integers(lower(quantized));
      const int allowed = run["loweredSteps"].is_null() ? 0 : run["loweredSteps"].get<int>();
      lowered.compare(name, distance(integers.run(feeds)[0].tensor, run["output"], allowed), "");
    }
  }
  reference.finish(152, 13);
  lowered.finish(152, 8);
}

}  // namespace
}  // namespace eightfold
