// Upgraded graphs compute what the old form stands for: against the old form where the session
// runs it, and against literal numbers where it does not.
#include <catch_amalgamated.hpp>

#include "ops/upgrade.h"
#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

struct Case {
  const char* comment;
  int64_t opset;
  std::string op;
  std::vector<Attribute> attributes;
  std::vector<Tensor> constants;
  Tensor input;
  std::optional<Tensor> want = {};  // absent: what the old form computes
};

Tensor run(const Graph& graph, const Tensor& input) {
  return Session(graph).run({{"x", input}})[0].tensor;
}

Tensor quarter_ramp(Shape shape) { return ramp(std::move(shape), -2.0f, 0.25f); }

}  // namespace

TEST_CASE("an upgraded node computes the same", "[runtime][upgrade]") {
  const int64_t one = 1;
  const Case cases[] = {
      {"softmax over one of three axes and what follows",
       11,
       "Softmax",
       {},
       {},
       quarter_ramp({2, 3, 4})},
      {"softmax of axis 0: everything is one row",
       11,
       "Softmax",
       {{"axis", int64_t{0}}},
       {},
       quarter_ramp({2, 3})},
      {"log softmax of the last axis",
       11,
       "LogSoftmax",
       {{"axis", int64_t{-1}}},
       {},
       quarter_ramp({2, 3, 4})},
      {"clip with both bounds",
       6,
       "Clip",
       {{"min", -1.0f}, {"max", 0.5f}},
       {},
       quarter_ramp({3, 5})},
      {"pad with a value",
       2,
       "Pad",
       {{"pads", ints({1, 0, 0, 2})}, {"value", 0.5f}},
       {},
       quarter_ramp({2, 3})},
      {"slice with a negative start",
       1,
       "Slice",
       {{"starts", ints({-2})}, {"ends", ints({INT32_MAX})}, {"axes", ints({1})}},
       {},
       quarter_ramp({2, 4})},
      {"reduce",
       11,
       "ReduceSum",
       {{"axes", ints({1})}, {"keepdims", int64_t{0}}},
       {},
       quarter_ramp({2, 3, 2})},
      {"squeeze", 11, "Squeeze", {{"axes", ints({1})}}, {}, quarter_ramp({2, 1, 3})},
      {"broadcast along axis 1",
       6,
       "Add",
       {{"broadcast", one}, {"axis", one}},
       {f32({2}, {10, 20})},
       ramp({1, 2, 2}),
       f32({1, 2, 2}, {10, 11, 22, 23})},
      {"slope per channel",
       6,
       "PRelu",
       {},
       {f32({2}, {2, 3})},
       f32({1, 2, 2, 1}, {-1, 1, -1, 1}),
       f32({1, 2, 2, 1}, {-2, 1, -3, 1})},
      {"nearest, growing",
       9,
       "Upsample",
       {},
       {f32({4}, {1, 1, 1, 2.5f})},
       f32({1, 1, 1, 2}, {1, 2}),
       f32({1, 1, 1, 5}, {1, 1, 1, 2, 2})},
      {"nearest, shrinking: x / scale rounds up",
       10,
       "Resize",
       {},
       {f32({4}, {1, 1, 0.6f, 0.6f})},
       f32({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}),
       f32({1, 1, 1, 2}, {1, 3})},
      {"linear, growing",
       9,
       "Upsample",
       {{"mode", "linear"}},
       {f32({4}, {1, 1, 1, 2})},
       f32({1, 1, 1, 2}, {1, 2}),
       f32({1, 1, 1, 4}, {1, 1.5f, 2, 2})},
      {"tile of opset 1",
       5,
       "Tile",
       {},
       {i64({}, {2}), i64({}, {1})},
       f32({1, 2}, {1, 2}),
       f32({1, 4}, {1, 2, 1, 2})},
  };
  for (const Case& each : cases) {
    GraphBuilder g(each.opset);
    std::vector<ValueId> inputs{g.input("x", each.input.shape())};
    for (const Tensor& constant : each.constants) inputs.push_back(g.constant(constant));
    g.output(g.node(each.op, inputs, each.attributes));
    for (const int64_t to : {13, 18, 21}) {
      INFO(each.comment << ", to opset " << to);
      const Tensor want = each.want ? *each.want : run(g.graph(), each.input);
      const Tensor got = run(upgrade_opset(g.graph(), to), each.input);
      CHECK(difference(got, want, kFloatMath) == "");
    }
  }
}
