// Calibrator: statistics of what flows, step by step; faults of the data.
#include <catch_amalgamated.hpp>
#include <limits>

#include "core/error.h"
#include "quant/route.h"
#include "support/graph_builder.h"
#include "support/hand_prepared.h"
#include "support/op_runner.h"

namespace eightfold {
namespace {

using namespace test;

// x -> Conv by 2 -> MaxPool -> y, observed by min and max.
struct Model {
  PreparedModel prepared;
  Model() {
    GraphBuilder g;
    const ValueId x = g.input("x", {-1, 1, 2, 2});
    const ValueId conv = g.node("Conv", {x, g.constant(f32({1, 1, 1, 1}, {2}))});
    g.output(g.node("MaxPool", {conv}, {{"kernel_shape", std::vector<int64_t>{2, 2}}}));
    QConfig qconfig = default_qconfig();
    qconfig.activation.observer = "MinMaxObserver";
    prepared = prepare(fuse(g.graph(), backend("wasm")), QConfigMapping().set_global(qconfig),
                       backend("wasm"));
  }
  std::pair<float, float> range(const char* value) const {
    const int slot = prepared.slot_of.at(prepared.graph.find_value(value));
    return prepared.slots[static_cast<size_t>(slot)].observer->range();
  }
};

Feeds feed(std::vector<float> values) {
  const auto batch = static_cast<int64_t>(values.size() / 4);
  return {{"x", f32({batch, 1, 2, 2}, std::move(values))}};
}

TEST_CASE("ranges grow sample by sample, shared slots see all their values", "[calibrate]") {
  Model m;
  Calibrator calibrator(m.prepared);
  calibrator.observe(feed({-1, 0, 1, 3}));
  CHECK(m.prepared.samples == 1);
  CHECK(m.range("x") == std::pair(-1.0f, 3.0f));
  CHECK(m.range("Conv_0_0") == std::pair(-2.0f, 6.0f));
  CHECK(m.range("MaxPool_1_0") == std::pair(-2.0f, 6.0f));
  calibrator.observe(feed({-4, 0, 0, 0, 0, 0, 0, 0.5f}));  // another batch size
  CHECK(m.prepared.samples == 2);
  CHECK(m.range("x") == std::pair(-4.0f, 3.0f));
  CHECK(m.range("Conv_0_0") == std::pair(-8.0f, 6.0f));
}

TEST_CASE("a sample can be taken in steps and left", "[calibrate]") {
  Model m;
  Calibrator calibrator(m.prepared);
  calibrator.start(feed({1, 1, 1, 1}));
  CHECK(calibrator.step());
  calibrator.start(feed({2, 2, 2, 2}));  // the first one was given up
  int steps = 1;
  while (calibrator.step()) ++steps;
  CHECK(steps >= 2);
  CHECK(m.prepared.samples == 1);
}

TEST_CASE("NaN is refused with the place it appears at", "[calibrate]") {
  Model m;
  Calibrator calibrator(m.prepared);
  try {
    calibrator.observe(feed({1, std::numeric_limits<float>::quiet_NaN(), 1, 1}));
    FAIL("NaN was observed");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidData);
    CHECK(error.node() == "x");
    CHECK_FALSE(error.hint().empty());
  }
  CHECK(m.prepared.samples == 0);
  calibrator.observe(feed({1, 2, 3, 4}));  // still works
  CHECK(m.prepared.samples == 1);
}

TEST_CASE("infinities made by a node name the node", "[calibrate]") {
  Model m;
  Calibrator calibrator(m.prepared);
  try {
    calibrator.observe(feed({3e38f, 1, 1, 1}));  // times 2
    FAIL("infinity was observed");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidData);
    CHECK(error.node() == "Conv_0");
    CHECK(error.op_type() == "Conv");
  }
}

TEST_CASE("feeds that do not fit are refused", "[calibrate]") {
  Model m;
  Calibrator calibrator(m.prepared);
  CHECK_THROWS_AS(calibrator.observe({}), Error);
  CHECK_THROWS_AS(calibrator.observe({{"x", f32({4}, {1, 2, 3, 4})}}), Error);
  CHECK(m.prepared.samples == 0);
}

TEST_CASE("histograms hold every element of every observed value", "[calibrate]") {
  GraphBuilder g;
  const ValueId x = g.input("x", {-1, 4, 6, 6});
  const ValueId a = g.node("Conv", {x, g.constant(noise({8, 4, 3, 3}))});
  const ValueId b = g.node("Relu", {g.node("Conv", {a, g.constant(noise({8, 8, 1, 1}))})});
  g.output(b);
  PreparedModel model =
      prepare(fuse(g.graph(), backend("wasm")), default_qconfig_mapping(), backend("wasm"));
  Calibrator calibrator(model);
  for (uint32_t i = 0; i < 5; ++i) {
    calibrator.observe({{"x", noise({2, 4, 6, 6}, -1.0f - static_cast<float>(i), 1, i + 1)}});
  }
  for (const ObserverSlot& slot : model.slots) {
    REQUIRE(slot.observer->observed());
    const QParams qparams = slot.observer->qparams();
    CHECK(qparams.scale[0] > 0);
  }
  // A Relu's output has its zero at the low end, which makes the clamp redundant.
  const int relu = model.slot_of.at(model.graph.find_value(g.graph().value(b).name));
  CHECK(model.slots[static_cast<size_t>(relu)].observer->qparams().zero_point[0] == 0);
}

}  // namespace
}  // namespace eightfold
