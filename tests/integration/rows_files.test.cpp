// Models quantized in each mode as files, after PyTorch's packed weight save and load, state_dict
// and serialization tests (spec-facts 6.3): what a session gives for the loaded bytes is what it
// gives for the graph, bit by bit, and weights keep their parameters.
#include <catch_amalgamated.hpp>

#include "eightfold.h"
#include "support/layers.h"
#include "support/routed.h"

namespace eightfold {
namespace {

using namespace test;

Graph loaded(const Graph& graph) { return load_onnx(save_onnx(graph)); }

Graph small_net() {
  GraphBuilder g;
  const ValueId a = relu(g, batch_norm(g, conv(g, g.input("x", {1, 3, 6, 6}), 3, 4), 4));
  const ValueId b = g.node("Add", {conv(g, a, 4, 4), a});
  const ValueId c = g.node(
      "Clip", {b, g.constant(Tensor::scalar(0.0f), "lo"), g.constant(Tensor::scalar(6.0f), "hi")});
  const ValueId d = g.node("Concat", {max_pool(g, c), max_pool(g, a)}, {{"axis", int64_t{1}}});
  g.output(g.node("Sigmoid", {linear(g, reshape(g, d, {1, 200}), 200, 3)}));
  return g.build();
}

Graph token_net() {
  GraphBuilder g(13);
  const ValueId tokens = g.input("tokens", {2, 3}, DType::kInt64);
  const ValueId rows = g.node("Gather", {g.constant(noise({9, 5}, -1, 2), "table"), tokens});
  g.output(g.node("MatMul", {rows, g.constant(noise({5, 3}), "w")}));
  return g.build();
}

struct FileRow {
  const char* what;
  Graph (*build)();
  RouteOptions options;
};

TEST_CASE(
    "test_packed_weight save and load, state_dict round trips, serialization: files run to "
    "the same bytes",
    "[rows][files]") {
  const auto named = [](std::string_view preset, const char* qconfig) {
    return route_options(preset, named_qconfig(qconfig));
  };
  RouteOptions bytes_in_and_out = route_options("exact8");
  bytes_in_and_out.prepare.set_input_quantized_indexes({0}).set_output_quantized_indexes({0});
  const FileRow rows[] = {
      {"exact8", small_net, route_options("exact8")},
      {"fast8", small_net, route_options("fast8")},
      {"turbo", small_net, route_options("turbo")},
      {"fbgemm", small_net, route_options("fbgemm")},
      {"onnxruntime", small_net, route_options("onnxruntime")},
      {"onednn", small_net, route_options("onednn")},
      {"qnnpack", small_net, route_options("qnnpack")},
      {"uint8 in and out", small_net, bytes_in_and_out},
      {"dynamic", small_net, named("exact8", "default_dynamic_qconfig")},
      {"dynamic per channel", small_net, named("exact8", "per_channel_dynamic_qconfig")},
      {"float16", small_net, named("exact8", "float16_dynamic_qconfig")},
      {"weight only", small_net, named("exact8", "weight_only_qconfig")},
      {"embedding of uint8", token_net, named("exact8", "float_qparams_weight_only_qconfig")},
      {"embedding of uint4", token_net, named("exact8", "float_qparams_weight_only_qconfig_4bit")},
  };
  for (const FileRow& row : rows) {
    INFO(row.what);
    const Routed routed = route(row.build(), row.options);
    Feeds feeds = routed.sample;
    for (NamedTensor& feed : feeds) {
      const ValueId input = routed.lowered.find_value(feed.name);
      if (routed.lowered.value(input).type.dtype != DType::kUint8) continue;
      Tensor bytes = Tensor::allocate(DType::kUint8, feed.tensor.shape());
      uint8_t next = 0;
      for (uint8_t& byte : bytes.mutable_data<uint8_t>()) byte = next += 37;
      feed.tensor = bytes;
    }
    const Graph qdq = loaded(to_qdq(routed.quantized));
    verify(qdq);
    // Layers that quantize their input in each run are written as they are lowered.
    const bool is_dynamic = count_ops(routed.quantized, "DynamicQuantizeLinear") > 0;
    CHECK(bytes_apart(is_dynamic ? routed.lowered : routed.quantized, qdq, feeds) == "");
    CHECK(bytes_apart(routed.lowered, lower(qdq), feeds) == "");
    const Graph qoperator = loaded(to_qoperator(routed.lowered));
    verify(qoperator);
    CHECK(bytes_apart(routed.lowered, qoperator, feeds) == "");
    // Once more changes nothing.
    CHECK(save_onnx(qdq) == save_onnx(loaded(qdq)));
    // Weights, scales and zero points by name.
    for (ValueId id = 0; id < routed.quantized.value_count(); ++id) {
      const Tensor* constant = routed.quantized.constant(id);
      const std::string& name = routed.quantized.value(id).name;
      if (constant == nullptr || qdq.find_value(name) == kNone) continue;
      const Tensor* kept = qdq.constant(qdq.find_value(name));
      REQUIRE(kept != nullptr);
      CHECK(kept->dtype() == constant->dtype());
      CHECK(std::equal(static_cast<const uint8_t*>(constant->raw()),
                       static_cast<const uint8_t*>(constant->raw()) + constant->size_bytes(),
                       static_cast<const uint8_t*>(kept->raw())));
    }
  }
}

}  // namespace
}  // namespace eightfold
