// Bias correction against the definition: the mean of conv(x, W) - conv(x', W'), computed by
// running both convolutions.
#include <catch_amalgamated.hpp>
#include <cmath>

#include "core/error.h"
#include "quant/convert_weights.h"
#include "runtime/session.h"
#include "support/hand_prepared.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

constexpr float kScale = 0.08f;
constexpr int32_t kZeroPoint = 20;

Tensor fake_quantized(Tensor tensor) {
  for (float& x : tensor.mutable_data<float>()) x = fake_quantize(x, kScale, kZeroPoint, {0, 255});
  return tensor;
}

// Mean over all axes but the channel axis 1 (of [N, C, ...]) of the difference of two runs.
std::vector<double> mean_difference(const Graph& a, const Feeds& feeds_a, const Graph& b,
                                    const Feeds& feeds_b) {
  const Tensor left = Session(a).run(feeds_a)[0].tensor;
  const Tensor right = Session(b).run(feeds_b)[0].tensor;
  const ChannelWalk walk(left.shape(), 1);
  std::vector<double> mean(static_cast<size_t>(walk.channels), 0.0);
  walk.each([&](int64_t flat, int64_t channel) {
    const auto i = static_cast<size_t>(flat);
    mean[static_cast<size_t>(channel)] +=
        static_cast<double>(left.data<float>()[i]) - static_cast<double>(right.data<float>()[i]);
  });
  for (double& m : mean) m /= static_cast<double>(left.size() / walk.channels);
  return mean;
}

struct Row {
  const char* name;
  const char* op;
  Shape input, weight;
  std::vector<Attribute> attributes;
};

std::vector<int64_t> list(std::vector<int64_t> values) { return values; }

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"3x3, padded", "Conv", {2, 3, 7, 6}, {4, 3, 3, 3}, {{"pads", list({1, 1, 1, 1})}}},
      {"uneven pads, stride 2",
       "Conv",
       {2, 3, 8, 7},
       {4, 3, 3, 2},
       {{"pads", list({0, 1, 2, 0})}, {"strides", list({2, 3})}}},
      {"dilated",
       "Conv",
       {1, 2, 9, 9},
       {3, 2, 3, 3},
       {{"dilations", list({2, 3})}, {"pads", list({2, 2, 2, 2})}}},
      {"depthwise",
       "Conv",
       {2, 6, 5, 5},
       {6, 1, 3, 3},
       {{"group", int64_t{6}}, {"pads", list({1, 1, 1, 1})}}},
      {"grouped", "Conv", {1, 4, 5, 5}, {6, 2, 3, 3}, {{"group", int64_t{2}}}},
      {"one axis", "Conv", {2, 3, 20}, {5, 3, 5}, {{"pads", list({2, 2})}}},
      {"auto_pad",
       "Conv",
       {1, 3, 7, 7},
       {2, 3, 4, 4},
       {{"auto_pad", std::string("SAME_UPPER")}, {"strides", list({2, 2})}}},
      {"Gemm", "Gemm", {9, 8}, {8, 5}, {}},
      {"Gemm, transB, alpha", "Gemm", {9, 8}, {5, 8}, {{"transB", int64_t{1}}, {"alpha", 0.5f}}},
  };
  return all;
}

Graph layer(const Row& row, const Tensor& weight) {
  Sketch sketch;
  const ValueId x = sketch.input("x", row.input);
  return sketch.finish(
      {sketch.node(row.op, {x, sketch.constant("w", weight)}, row.attributes, "y")});
}

}  // namespace

TEST_CASE("the correction is the mean output error of the layer") {
  for (const Row& row : rows()) {
    DYNAMIC_SECTION(row.name) {
      const Tensor weight = noise(row.weight, -1, 1.5f, 3);
      const Graph graph = layer(row, weight);
      HandPrepared hand(graph);
      hand.observe("x", kScale, kZeroPoint).observe("y", 0.1f, 128).quantize("y");
      // Values beyond the quantized range (-1.6 .. 18.8) are clipped: a heavy tail.
      const Tensor first = noise(row.input, -4, 5, 11), second = noise(row.input, -4, 5, 12);
      BiasCorrector corrector(hand.model);
      corrector.observe({{"x", first}});
      corrector.observe({{"x", second}});
      corrector.finish();
      const NodeId node = producer_of(hand.model.graph, "y");
      REQUIRE(hand.model.bias_correction.contains(node));
      const std::vector<float>& correction = hand.model.bias_correction.at(node);

      const QParams qparams = hand.model.weight_slots[0].observer->qparams();
      const auto rounded = hand.model.rounded_weight.find(node);
      const Graph quantized =
          layer(row, rounded != hand.model.rounded_weight.end()
                         ? rounded->second
                         : Tensor::of<float>(row.weight, fake_quantize_weight(weight, qparams)));
      const auto a =
          mean_difference(graph, {{"x", first}}, quantized, {{"x", fake_quantized(first)}});
      const auto b =
          mean_difference(graph, {{"x", second}}, quantized, {{"x", fake_quantized(second)}});
      REQUIRE(correction.size() == a.size());
      double size = 0;
      for (size_t c = 0; c < a.size(); ++c) {
        CHECK(static_cast<double>(correction[c]) == Catch::Approx((a[c] + b[c]) / 2).margin(2e-5));
        size += std::fabs(a[c]);
      }
      CHECK(size > 0.1);  // there was something to correct
    }
  }
}

TEST_CASE("the corrected model's mean output is the float one's") {
  const Row& row = rows()[0];
  HandPrepared hand(layer(row, noise(row.weight, -1, 1.5f, 3)));
  hand.observe("x", kScale, kZeroPoint).observe("y", 0.25f, 128).quantize("y");
  const Feeds feeds{{"x", noise(row.input, -4, 5, 11)}};
  const auto shift = [&] {
    const auto difference = mean_difference(hand.model.graph, feeds, convert(hand.model), feeds);
    double total = 0;
    for (double d : difference) total += std::fabs(d);
    return total / static_cast<double>(difference.size());
  };
  const double before = shift();
  BiasCorrector corrector(hand.model);
  corrector.observe(feeds);
  corrector.finish();
  const double after = shift();
  CHECK(before > 0.2);
  // What is left is the rounding of the outputs themselves (step 0.25, some 80 of them).
  CHECK(after < 0.05);
}

TEST_CASE("rounding keeps the mean: the layer's gain is right for darker and brighter inputs") {
  // All weights round down by 0.4 of a step: nearest rounding loses 10 % of the gain.
  Tensor weight = Tensor::allocate(DType::kFloat32, {2, 50});
  for (float& w : weight.mutable_data<float>()) w = 4.4f / 127.5f;
  weight.mutable_data<float>()[0] = weight.mutable_data<float>()[50] = 1.0f;  // sets the scale
  Sketch sketch;
  const ValueId x = sketch.input("x", {8, 50});
  const ValueId w = sketch.constant("w", weight);
  const Graph graph = sketch.finish({sketch.node("Gemm", {x, w}, {{"transB", int64_t{1}}}, "y")});
  HandPrepared hand(graph);
  hand.observe("x", 1.0f / 255, 0).observe("y", 1.0f / 64, 0).quantize("y");
  const auto error_at = [&](float brightness) {
    const Feeds feeds{{"x", noise({8, 50}, 0.8f * brightness, brightness, 4)}};
    return std::fabs(mean_difference(graph, feeds, convert(hand.model), feeds)[1]) /
           static_cast<double>(brightness);
  };
  BiasCorrector corrector(hand.model);
  corrector.observe({{"x", noise({8, 50}, 0.4f, 0.5f, 7)}});
  corrector.finish();
  const NodeId node = producer_of(hand.model.graph, "y");
  REQUIRE(hand.model.rounded_weight.contains(node));
  const double kept = std::max(error_at(0.25f), error_at(1.0f));
  hand.model.rounded_weight.clear();
  hand.model.bias_correction.clear();
  const double nearest = std::min(error_at(0.25f), error_at(1.0f));
  CHECK(nearest > 0.1);
  CHECK(kept < 0.03);
  // Every weight is on one of its two neighbours.
  BiasCorrector again(hand.model);
  again.observe({{"x", noise({8, 50}, 0.4f, 0.5f, 7)}});
  again.finish();
  int up = 0;
  for (float value : hand.model.rounded_weight.at(node).data<float>()) {
    const float steps = value * 127.5f;
    if (steps > 100) continue;
    CHECK((std::fabs(steps - 4) < 1e-3f || std::fabs(steps - 5) < 1e-3f));
    up += steps > 4.5f ? 1 : 0;
  }
  CHECK(up >= 38);  // 0.4 * 49 * 2 = 39.2
  CHECK(up <= 41);
}

TEST_CASE("bias correction before calibration is an error") {
  const Row& row = rows()[0];
  HandPrepared hand(layer(row, noise(row.weight)));
  hand.observe("x", kScale, kZeroPoint).observe("y", 0.1f, 128).quantize("y");
  hand.model.slots[0].observer = make_observer({});
  CHECK_THROWS_AS(BiasCorrector(hand.model), Error);
}
