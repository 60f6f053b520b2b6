// Small random graphs under random configs: whatever prepare decides, the lowered graph gives the
// reference's numbers, the exported forms give theirs, and lowering the QDQ file gives the same.
// A failure names its seed.
#include <catch_amalgamated.hpp>
#include <cmath>
#include <random>

#include "core/qparams.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "onnx/onnx.h"
#include "support/layers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

// A step more or less of one layer, seen through the layers behind it, may be a part of a coarse
// output; a fault is as large as the signal.
constexpr double kSameNumbersDb = 15;

class Dice {
 public:
  explicit Dice(uint32_t seed) : random_(seed) {}
  int of(int sides) { return static_cast<int>(random_() % static_cast<unsigned>(sides)); }
  template <typename T>
  const T& one_of(const std::vector<T>& from) {
    return from[static_cast<size_t>(of(static_cast<int>(from.size())))];
  }

 private:
  std::mt19937 random_;
};

ValueId random_node(GraphBuilder& g, Dice& dice, ValueId a, ValueId b) {
  const auto scalar = [&](float value) { return g.constant(Tensor::scalar(value), "k"); };
  switch (dice.of(14)) {
    case 0: return relu(g, a);
    case 1: return g.node("Clip", {a, scalar(-1), scalar(2)});
    case 2:
      return g.node("MaxPool", {a},
                    {{"kernel_shape", std::vector<int64_t>{3, 3}},
                     {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    case 3: return g.node("Sigmoid", {a});
    case 4: return g.node("Add", {a, b});
    case 5: return g.node("Mul", {a, g.node("Sigmoid", {b})});
    case 6: return g.node("Add", {a, scalar(0.5f)});
    case 7: return g.node("Mul", {scalar(1.5f), a});
    case 8: return g.node("Transpose", {a}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
    case 9: return g.node("Tanh", {a});
    case 10: return g.node("LeakyRelu", {a}, {{"alpha", 0.1f}});
    case 11: return conv(g, g.node("Concat", {a, b}, {{"axis", int64_t{1}}}), 6, 3);
    default: return conv(g, a, 3, 3);
  }
}

Graph random_graph(Dice& dice) {
  GraphBuilder g(dice.of(3) != 0 ? 21 : 11);
  std::vector<ValueId> values{g.input("x", {1, 3, 6, 6})};
  if (dice.of(2) != 0) values.push_back(g.input("z", {1, 3, 6, 6}));
  const int nodes = 3 + dice.of(7);
  for (int i = 0; i < nodes; ++i) {
    // One of the newest, so that chains grow, and any.
    const int newest = std::min(3, static_cast<int>(values.size()));
    const ValueId a = values[values.size() - 1 - static_cast<size_t>(dice.of(newest))];
    values.push_back(random_node(g, dice, a, dice.one_of(values)));
  }
  g.output(values.back());
  for (int i = dice.of(3); i > 0; --i) {
    const ValueId other = dice.one_of(values);
    const bool computed = g.graph().value(other).producer() != kNone;
    if (computed && !g.graph().is_output(other)) g.output(other);
  }
  return g.build();
}

// Some nodes stay float, some are int8 or dynamic; some are taken out at convert; the interface may
// be integers.
RouteOptions random_options(Dice& dice, const Graph& graph, const std::string& preset) {
  RouteOptions options = route_options(preset);
  QConfig is_signed = get_default_qconfig(preset);
  is_signed.activation.dtype = DType::kInt8;
  for (NodeId id : graph.nodes()) {
    const std::string& name = graph.node(id).name;
    switch (dice.of(12)) {
      case 0: options.mapping.set_module_name(name, std::nullopt); break;
      case 1: options.mapping.set_module_name(name, is_signed); break;
      case 2:
        options.mapping.set_module_name(name, named_qconfig("default_dynamic_qconfig"));
        break;
      default: break;
    }
  }
  if (dice.of(3) == 0) {
    options.convert.qconfig_mapping = options.mapping;
    for (NodeId id : graph.nodes()) {
      if (dice.of(5) != 0) continue;
      options.convert.qconfig_mapping->set_module_name(graph.node(id).name, std::nullopt);
    }
  }
  if (dice.of(5) == 0) options.prepare.set_input_quantized_indexes({0});
  if (dice.of(4) == 0) {
    options.prepare.set_output_quantized_indexes({dice.of(static_cast<int>(graph.outputs.size()))});
  }
  return options;
}

// The sample as the converted graph takes it.
Feeds feeds_of(const Routed& routed) {
  Feeds feeds = routed.sample;
  const ValueId x = routed.quantized.find_value("x");
  const DType dtype = routed.quantized.value(x).type.dtype;
  if (dtype == DType::kFloat32) return feeds;
  const QParams qparams =
      routed.prepared.slots[static_cast<size_t>(routed.slot("x"))].observer->qparams();
  const QRange range{qparams.quant_min, qparams.quant_max};
  Tensor integers = Tensor::allocate(dtype, feeds[0].tensor.shape());
  auto* bytes = static_cast<uint8_t*>(integers.mutable_raw());
  for (size_t i = 0; i < integers.size_bytes(); ++i) {
    bytes[i] = static_cast<uint8_t>(
        quantize(feeds[0].tensor.data<float>()[i], qparams.scale[0], qparams.zero_point[0], range));
  }
  feeds[0].tensor = std::move(integers);
  return feeds;
}

// The worst of the outputs, in dB of the first graph's; integers count as they are.
double agreement_db(const Graph& a, const Graph& b, const Feeds& feeds) {
  const auto want = Session(a).run(feeds), got = Session(b).run(feeds);
  REQUIRE(want.size() == got.size());
  double worst = INFINITY;
  for (size_t i = 0; i < want.size(); ++i) {
    const Tensor &x = want[i].tensor, &y = got[i].tensor;
    REQUIRE(x.dtype() == y.dtype());
    REQUIRE(x.shape() == y.shape());
    const auto number = [](const Tensor& tensor, size_t e) {
      if (tensor.dtype() == DType::kUint8) return static_cast<double>(tensor.data<uint8_t>()[e]);
      if (tensor.dtype() == DType::kInt8) return static_cast<double>(tensor.data<int8_t>()[e]);
      return static_cast<double>(tensor.data<float>()[e]);
    };
    double signal = 1e-6, noise = 1e-12;
    for (size_t e = 0; e < static_cast<size_t>(x.size()); ++e) {
      REQUIRE(std::isfinite(number(y, e)));
      signal += number(x, e) * number(x, e);
      noise += (number(x, e) - number(y, e)) * (number(x, e) - number(y, e));
    }
    worst = std::min(worst, 10 * std::log10(signal / noise));
  }
  return worst;
}

TEST_CASE("random graphs under random configs agree along the route", "[quant][random]") {
  const std::vector<std::string> presets{"exact8", "fast8",  "turbo",   "onnxruntime", "native",
                                         "fbgemm", "onednn", "qnnpack", "executorch"};
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    Dice dice(seed);
    const std::string& preset = dice.one_of(presets);
    const Graph graph = random_graph(dice);
    INFO("seed " << seed << " " << preset << "\n" << to_text(graph));
    const Routed routed = route(graph, random_options(dice, graph, preset));
    const Feeds feeds = feeds_of(routed);
    CHECK(agreement_db(routed.quantized, routed.lowered, feeds) > kSameNumbersDb);

    const Graph qdq = to_qdq(routed.quantized);
    verify(qdq);
    // Layers that quantize their input in each run are written as they are lowered.
    if (count_ops(routed.quantized, "DynamicQuantizeLinear") == 0) {
      CHECK(bytes_apart(routed.quantized, qdq, feeds) == "");
    } else {
      CHECK(agreement_db(routed.quantized, qdq, feeds) > kSameNumbersDb);
    }
    // Read as a file, in which layers with residuals and slopes are several nodes between pairs.
    const Graph again = lower(load_onnx(save_onnx(qdq)));
    verify(again);
    CHECK(agreement_db(routed.lowered, again, feeds) > kSameNumbersDb);
    CHECK(pairs(again) == pairs(routed.lowered));
  }
}

}  // namespace
}  // namespace eightfold
