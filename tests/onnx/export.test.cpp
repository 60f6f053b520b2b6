// save_onnx: what is written, in which form, and what is refused.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/text.h"
#include "onnx/onnx.h"
#include "onnx/proto_builder.h"
#include "support/graph_builder.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

Graph small_graph() {
  GraphBuilder g(13);
  const ValueId x = g.input("x", {1, 2});
  const ValueId w = g.constant(Tensor::of<float>({2}, std::vector<float>{1, 2}), "w");
  g.output(g.node("Mul", {x, w}));
  g.graph().name = "small";
  return g.build();
}

}  // namespace

TEST_CASE("every kind of attribute is written and read back", "[onnx][export]") {
  GraphBuilder g(13);
  const ValueId x = g.input("x", {1});
  const Tensor tensor = Tensor::of<int8_t>({2}, std::vector<int8_t>{-1, 1});
  GraphBuilder inner(13);
  inner.output(inner.node("Neg", {inner.input("i", {1})}));
  const auto body = std::make_shared<const Graph>(inner.build());
  const std::vector<Attribute> attributes{
      {"int", int64_t{-5}},
      {"float", 0.5f},
      {"string", std::string("a\0b", 3)},
      {"tensor", tensor},
      {"graph", body},
      {"ints", std::vector<int64_t>{1, -1}},
      {"floats", std::vector<float>{1.5f}},
      {"strings", std::vector<std::string>{"p", ""}},
      {"tensors", std::vector<Tensor>{tensor, tensor}},
      {"graphs", std::vector<Attribute::GraphPtr>{body, body}},
      {"no_ints", std::vector<int64_t>{}},
  };
  g.output(g.node("Op", {x}, {.attributes = attributes, .domain = "custom"}));
  const Graph graph = g.build();
  const Graph again = load_onnx(save_onnx(graph));
  const Node& node = again.node(again.nodes()[0]);
  REQUIRE(node.attributes.size() == attributes.size());
  for (size_t i = 0; i < attributes.size(); ++i) {
    CHECK(node.attributes[i].name == attributes[i].name);
    CHECK(node.attributes[i].value.index() == attributes[i].value.index());
  }
  CHECK(node.string_attribute("string", "") == std::string("a\0b", 3));
  CHECK(again.opset("custom") == 1);
  const auto lines = [](const Graph& each) { return to_text(each, each.nodes()[0]); };
  CHECK(lines(again) == lines(graph));
}

TEST_CASE("large initializers go into a second file", "[export]") {
  Graph graph = small_graph();
  const auto used = [&](ValueId id) {
    return graph.constant(id) && !graph.value(id).uses().empty();
  };
  for (const int64_t least : {int64_t{0}, int64_t{8}, int64_t{1} << 40}) {
    INFO(least);
    std::vector<uint8_t> data;
    ExternalOutput external{"weights.bin", least, {}, 0};
    const std::vector<uint8_t> counted = save_onnx(graph, &external);
    external.write = [&](int64_t offset, std::span<const uint8_t> bytes) {
      CHECK(offset % 4096 == 0);
      CHECK(offset >= static_cast<int64_t>(data.size()));
      data.resize(static_cast<size_t>(offset));
      data.insert(data.end(), bytes.begin(), bytes.end());
    };
    const std::vector<uint8_t> file = save_onnx(graph, &external);
    CHECK(file == counted);
    CHECK(static_cast<int64_t>(data.size()) == external.size);
    int parts = 0;
    ImportOptions options;
    options.external_data = [&](ExternalPart part) {
      ++parts;
      CHECK(part.location == "weights.bin");
      part.buffer->obtain();
      std::copy_n(data.data() + part.offset, part.buffer->size(), part.buffer->data());
    };
    const Graph again = load_onnx(file, options);
    CHECK(to_text(again) == to_text(load_onnx(save_onnx(graph))));
    int large = 0;
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      large += used(id) && static_cast<int64_t>(graph.constant(id)->size_bytes()) >= least ? 1 : 0;
    }
    CHECK(parts == large);
  }
}

TEST_CASE("the same graph gives the same bytes", "[onnx][export]") {
  CHECK(save_onnx(small_graph()) == save_onnx(small_graph()));
}

TEST_CASE("constants that nothing uses are not written", "[onnx][export]") {
  Graph graph = small_graph();
  const size_t bytes = save_onnx(graph).size();
  graph.add_initializer("unused", Tensor::allocate(DType::kFloat32, {1000}));
  CHECK(save_onnx(graph).size() == bytes);
}

TEST_CASE("values without a name get one", "[onnx][export]") {
  Graph graph = small_graph();
  const ValueId y = graph.add_value("");
  const ValueId z = graph.add_value("");
  Node relu;
  relu.op_type = "Relu";
  graph.add_node(relu, {graph.outputs[0]}, {y});
  graph.add_node(relu, {y}, {z});
  graph.outputs = {z};
  CHECK(load_onnx(save_onnx(graph)).nodes().size() == 3);
}

TEST_CASE("before IR version 4 unlisted constants are written as nodes", "[onnx][export]") {
  Graph graph = small_graph();
  graph.model().ir_version = 3;
  const std::vector<uint8_t> bytes = save_onnx(graph);
  const std::string text(bytes.begin(), bytes.end());
  CHECK(text.find("Constant") != std::string::npos);
  CHECK(to_text(load_onnx(bytes)) == to_text(graph));
}

TEST_CASE("only plain ONNX is written", "[onnx][export]") {
  Graph graph = small_graph();
  graph.node(graph.nodes()[0]).domain = std::string(kEightfoldDomain);
  try {
    save_onnx(graph);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidState);
    CHECK(error.op_type() == "Mul");
    CHECK(!error.hint().empty());
  }
  graph.model().opsets = {{"eightfold", 1}};
  graph.node(graph.nodes()[0]).domain = "";
  CHECK_THROWS_AS(save_onnx(graph), Error);  // no ai.onnx version
}
