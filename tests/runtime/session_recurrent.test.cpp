// Recurrent ops in a session: states fed back from run to run, and nodes that are computed while
// planning because all they read is constant.
#include <catch_amalgamated.hpp>
#include <vector>

#include "runtime/session.h"
#include "support/graph_builder.h"
#include "support/matchers.h"
#include "support/op_runner.h"
#include "support/random_tensor.h"

namespace eightfold::test {
namespace {

TEST_CASE("a streamed LSTM gives what the whole sequence gives", "[session][recurrent]") {
  const int64_t steps = 6, input = 5, hidden = 7;
  const Tensor w = random_tensor({1, 4 * hidden, input}, 1);
  const Tensor r = random_tensor({1, 4 * hidden, hidden}, 2);
  GraphBuilder g;
  const auto x = g.input("x", {-1, 1, input});
  const auto h = g.input("h", {1, 1, hidden}), c = g.input("c", {1, 1, hidden});
  for (ValueId output :
       g.nodes("LSTM", {x, g.constant(w), g.constant(r), kNone, kNone, h, c}, 3, {})) {
    g.output(output);
  }
  Session session(g.build());
  const Tensor all = random_tensor({steps, 1, input}, 3);
  const Tensor zero = Tensor::allocate(DType::kFloat32, {1, 1, hidden});
  const auto whole = session.run({{"x", all}, {"h", zero}, {"c", zero}});
  Tensor h_now = zero, c_now = zero;
  for (int64_t t = 0; t < steps; ++t) {
    const auto row = all.data<float>().subspan(static_cast<size_t>(t * input), 5);
    const Tensor step = f32({1, 1, input}, {row.begin(), row.end()});
    const auto outputs = session.run({{"x", step}, {"h", h_now}, {"c", c_now}});
    h_now = outputs[1].tensor;
    c_now = outputs[2].tensor;
  }
  CHECK(difference(h_now, whole[1].tensor, kFloatSums) == "");
  CHECK(difference(c_now, whole[2].tensor, kFloatSums) == "");
  CHECK(session.stats().plans == 2);
}

TEST_CASE("a quantized LSTM of constants is computed while planning", "[session][recurrent]") {
  const int64_t input = 4, hidden = 4;
  const auto bytes = [](Shape shape) {
    const auto count = static_cast<size_t>(element_count(shape));
    std::vector<int8_t> values;
    for (float v : random_floats(count, 1, -127, 127)) values.push_back(static_cast<int8_t>(v));
    return Tensor::of<int8_t>(std::move(shape), values);
  };
  GraphBuilder g;
  g.opset("com.microsoft", 1);
  const auto x = g.constant(random_tensor({3, 1, input}, 2));
  const auto w = g.constant(bytes({1, input, 4 * hidden}));
  const auto r = g.constant(bytes({1, hidden, 4 * hidden}));
  const auto scale = g.constant(f32({1}, {0.01f})), zero = g.constant(s8({1}, {0}));
  std::vector<ValueId> inputs{x, w, r, kNone, kNone, kNone, kNone, kNone, scale, zero, scale, zero};
  const auto fixed = g.nodes("DynamicQuantizeLSTM", inputs, 1, {{}, "com.microsoft"});
  inputs[0] = g.input("x", {3, 1, input});
  const auto fed = g.nodes("DynamicQuantizeLSTM", inputs, 1, {{}, "com.microsoft"});
  g.output(fixed[0]);
  g.output(fed[0]);
  const auto outputs = Session(g.build()).run({{"x", random_tensor({3, 1, input}, 2)}});
  CHECK(difference(outputs[0].tensor, outputs[1].tensor) == "");
}

}  // namespace
}  // namespace eightfold::test
