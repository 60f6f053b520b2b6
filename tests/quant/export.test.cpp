// Export forms: plain ONNX, and the same numbers.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <set>
#include <string>

#include "core/error.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "runtime/session.h"
#include "support/hand_prepared.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// x -> eightfold:Conv with a Relu -> y
HandPrepared fused_conv(int32_t output_zero_point, DType dtype = DType::kUint8,
                        std::vector<Attribute> activation = {{"activation", std::string("Relu")}}) {
  Sketch sketch;
  const ValueId x = sketch.input("x", {1, 4, 5, 5});
  const ValueId w = sketch.constant("w", noise({6, 4, 3, 3}));
  const ValueId y = sketch.node("Conv", {x, w}, std::move(activation), "y", "eightfold");
  HandPrepared hand(sketch.finish({y}));
  hand.observe("x", 0.01f, dtype == DType::kInt8 ? 0 : 128, dtype);
  hand.observe("y", 1.0f / 64, output_zero_point, dtype).quantize("y");
  return hand;
}

bool is_plain(const Graph& graph) {
  return std::ranges::none_of(graph.nodes(),
                              [&](NodeId id) { return graph.node(id).domain == kEightfoldDomain; });
}

void check_equal(const Graph& a, const Graph& b) {
  const Feeds feeds{{"x", noise({1, 4, 5, 5}, -1, 1, 77)}};
  const auto left = Session(a).run(feeds)[0].tensor;
  const auto right = Session(b).run(feeds)[0].tensor;
  REQUIRE(left.size() == right.size());
  for (size_t i = 0; i < static_cast<size_t>(left.size()); ++i) {
    CHECK(left.data<float>()[i] == right.data<float>()[i]);
  }
}

}  // namespace

TEST_CASE("a fused float node unfolds to the op and its activation") {
  Sketch sketch;
  const ValueId x = sketch.input("x", {1, 4, 5, 5});
  const ValueId w = sketch.constant("w", noise({6, 4, 3, 3}));
  SECTION("Relu") {
    const Graph fused = sketch.finish(
        {sketch.node("Conv", {x, w}, {{"activation", std::string("Relu")}}, "y", "eightfold")});
    const Graph plain = unfold(fused);
    CHECK(count_ops(plain, "Conv") == 1);
    CHECK(count_ops(plain, "Relu") == 1);
    CHECK(plain.value(plain.outputs[0]).name == "y");
    verify(plain);
    check_equal(fused, plain);
  }
  SECTION("Clip") {
    const Graph fused = sketch.finish({sketch.node(
        "Conv", {x, w},
        {{"activation", std::string("Clip")}, {"activation_min", 0.0f}, {"activation_max", 0.5f}},
        "y", "eightfold")});
    const Graph plain = unfold(fused);
    CHECK(count_ops(plain, "Clip") == 1);
    CHECK(is_plain(plain));
    check_equal(fused, plain);
  }
  SECTION("a plain graph is left alone") {
    const Graph plain = sketch.finish({sketch.node("Conv", {x, w}, {}, "y")});
    CHECK(to_text(unfold(plain)) == to_text(plain));
  }
}

TEST_CASE("QDQ: a Relu that the range implies stays between op and Q") {
  const Graph quantized = convert(fused_conv(0).model);
  const Graph plain = to_qdq(quantized);
  verify(plain);
  CHECK(is_plain(plain));
  CHECK(count_ops(plain, "Relu") == 1);
  CHECK(count_ops(plain, "QuantizeLinear") == count_ops(quantized, "QuantizeLinear"));
  check_equal(quantized, plain);
}

TEST_CASE("QDQ: a Relu that binds gets a pair before it, so that the op stays integer") {
  const Graph quantized = convert(fused_conv(100).model);
  const Graph plain = to_qdq(quantized);
  verify(plain);
  CHECK(count_ops(plain, "QuantizeLinear") == count_ops(quantized, "QuantizeLinear") + 1);
  check_equal(quantized, plain);
}

TEST_CASE("QDQ: a Clip that the range implies is dropped") {
  const Graph quantized = convert(fused_conv(0, DType::kUint8,
                                             {{"activation", std::string("Clip")},
                                              {"activation_min", 0.0f},
                                              {"activation_max", 255.0f / 64}})
                                      .model);
  const Graph plain = to_qdq(quantized);
  CHECK(count_ops(plain, "Clip") == 0);
  check_equal(quantized, plain);
}

TEST_CASE("QOperator: clamps that bind become Clip on integers") {
  for (const int32_t zero_point : {0, 100}) {
    const Graph lowered = lower(convert(fused_conv(zero_point).model));
    const Graph plain = to_qoperator(lowered);
    INFO(to_text(plain));
    verify(plain);
    CHECK(is_plain(plain));
    CHECK(count_ops(plain, "QLinearConv") == 1);
    CHECK(count_ops(plain, "Clip") == (zero_point == 0 ? 0 : 1));
    check_equal(lowered, plain);
  }
}

TEST_CASE("QOperator with int8 activations is refused with a hint") {
  const Graph lowered = lower(convert(fused_conv(0, DType::kInt8).model));
  try {
    to_qoperator(lowered);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidConfig);
    CHECK_FALSE(error.hint().empty());
    CHECK(error.op_type() == "QLinearConv");
  }
}

TEST_CASE("a lowered graph has no QDQ form") {
  CHECK_THROWS_AS(to_qdq(lower(convert(fused_conv(0).model))), Error);
}

TEST_CASE("no two nodes of an exported file have one name") {
  Graph quantized = convert(fused_conv(0).model);
  for (NodeId id : quantized.nodes()) quantized.node(id).name = "same";
  const Graph plain = to_qdq(quantized);
  std::set<std::string> names;
  for (NodeId id : plain.nodes()) CHECK(names.insert(plain.node(id).name).second);
  check_equal(quantized, plain);
}
