// The printed form of graphs, literally.
#include <catch_amalgamated.hpp>

#include "ir/text.h"
#include "support/graph_builder.h"

using namespace eightfold;
using namespace eightfold::test;

TEST_CASE("a graph as text", "[ir][text]") {
  GraphBuilder g(13);
  const ValueId x = g.input("x", {-1, 1, 4, 4});
  const ValueId w = g.constant(Tensor::allocate(DType::kFloat32, {2, 1, 3, 3}), "w");
  const ValueId y =
      g.node("Conv", {x, w, kNone},
             {.attributes = {{"strides", std::vector<int64_t>{1, 1}}, {"auto_pad", "VALID"}},
              .name = "conv1"});
  g.graph().value(y).type = {DType::kFloat32, Dims{{-1, "N"}, {2, ""}, {-1, ""}, {2, ""}}, {}};
  g.output(g.node("QGelu", {y}, {.domain = "com.microsoft"}));
  g.graph().name = "main";
  g.constant(Tensor::scalar(1.0f), "unused");
  CHECK(to_text(g.graph()) ==
        "graph main (float, ai.onnx 13)\n"
        "  input x float32[N,1,4,4]\n"
        "  w = float32[2,1,3,3] {0, 0, 0, 0, ...} #6aefde65\n"
        "  conv1: conv1_0 float32[N,2,?,2] = Conv(x, w, -) {auto_pad=\"VALID\", strides=[1,1]}\n"
        "  QGelu_1: QGelu_1_0 = com.microsoft:QGelu(conv1_0)\n"
        "  output QGelu_1_0\n");
}

TEST_CASE("one node, with its bodies indented", "[ir][text]") {
  GraphBuilder inner(13);
  inner.output(inner.node("Neg", {inner.input("i", {})}));
  GraphBuilder g(13);
  const ValueId x = g.input("x", {});
  g.node("Loop", {x}, {{"body", std::make_shared<const Graph>(inner.build())}});
  CHECK(to_text(g.graph(), g.graph().nodes()[0]) ==
        "Loop_0: Loop_0_0 = Loop(x) {body=body}\n"
        "  body:\n"
        "    input i float32[]\n"
        "    Neg_0: Neg_0_0 = Neg(i)\n"
        "    output Neg_0_0");
}

TEST_CASE("types and attribute values", "[ir][text]") {
  CHECK(to_text(ValueType{}) == "?");
  CHECK(to_text(ValueType{DType::kInt8, std::nullopt, {}}) == "int8");
  CHECK(to_text(ValueType{DType::kUndefined, Dims{{3, ""}}, {}}) == "?[3]");
  CHECK(to_text(ValueType{DType::kUndefined, std::nullopt, "raw"}) == "(not a tensor)");
  GraphBuilder g(13);
  g.node("Op", {},
         {{"a", 0.1f},
          {"b", std::string("quote\" \n")},
          {"c", std::vector<std::string>{"p", "q"}},
          {"d", Tensor::of<int64_t>({2}, std::vector<int64_t>{1, -9007199254740993})},
          {"e", Attribute::Raw{"123"}},
          {"f", std::string(50, 'x')}});
  CHECK(to_text(g.graph(), g.graph().nodes()[0]) ==
        "Op_0: Op_0_0 = Op() {a=0.100000001, b=\"quote\\x22 \\x0a\", c=[\"p\",\"q\"], "
        "d=int64[2] {1, -9007199254740993} #ed983e9c, e=raw(3 bytes), f=\"" +
            std::string(40, 'x') + "\"...}");
}

TEST_CASE("the checksum sees a change that the first elements do not show", "[ir][text]") {
  const auto text = [](float last) {
    GraphBuilder g(13);
    const ValueId c = g.constant(Tensor::of<float>({6}, std::vector<float>{1, 2, 3, 4, 5, last}));
    g.output(c);
    return to_text(g.graph());
  };
  CHECK(text(6) == text(6));
  CHECK(text(6) != text(7));
}
