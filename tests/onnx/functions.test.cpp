// Model-local functions are inlined: names, attributes, defaults, nesting and limits.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/text.h"
#include "onnx/onnx.h"
#include "onnx/proto_builder.h"

using namespace eightfold;
using namespace eightfold::test;
namespace p = eightfold::proto;

namespace {

std::string function(const std::string& name, const std::vector<std::string>& nodes,
                     const FieldList& extra = {}, int64_t opset = 17) {
  FieldList fields{{p::function::kName, name},
                   {p::function::kDomain, "local"},
                   {p::function::kInput, "a"},
                   {p::function::kInput, "b"},
                   {p::function::kOutput, "result"},
                   {p::function::kOpsetImport, message({{p::opset::kVersion, opset}})}};
  for (const auto& bytes : nodes) fields.push_back({p::function::kNode, bytes});
  return message(fields + extra);
}

std::string call(const std::string& name, const std::vector<std::string>& inputs,
                 const std::string& output, const FieldList& extra = {}) {
  return node(name, inputs, {output}, FieldList{{p::node::kDomain, "local"}} + extra);
}

std::vector<uint8_t> model_with(const std::vector<std::string>& nodes,
                                const std::vector<std::string>& functions) {
  FieldList extra{
      {p::model::kOpsetImport, message({{p::opset::kDomain, "local"}, {p::opset::kVersion, 1}})}};
  for (const auto& bytes : functions) extra.push_back({p::model::kFunctions, bytes});
  return model(graph_fields(nodes), extra);
}

FieldList alpha(float value) {
  return {{p::attribute::kName, "alpha"}, {p::attribute::kType, 1}, {p::attribute::kF, value}};
}

Field reference(const std::string& name) {
  return {p::node::kAttribute, message({{p::attribute::kName, "alpha"},
                                        {p::attribute::kType, 1},
                                        {p::attribute::kRefAttrName, name}})};
}

ErrorCode fault(const std::vector<uint8_t>& bytes) {
  try {
    load_onnx(bytes);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;  // nothing was thrown
}

float slope(const Graph& graph, size_t index) {
  return graph.node(graph.nodes()[index]).float_attribute("alpha", -1.0f);
}

}  // namespace

TEST_CASE("two calls get names of their own, and the values meet", "[onnx][functions]") {
  const std::string f =
      function("F", {node("Abs", {"a"}, {"t"}), node("Add", {"t", "b"}, {"result"})});
  const Graph graph =
      load_onnx(model_with({call("F", {"x", "x"}, "m"), call("F", {"m", "x"}, "y")}, {f}));
  REQUIRE(graph.nodes().size() == 4);
  CHECK(graph.find_value("F/t") != kNone);
  CHECK(graph.find_value("F_1/t") != kNone);
  const Node& last = *graph.producer(graph.outputs[0]);
  CHECK(last.op_type == "Add");
  CHECK(graph.producer(last.input(0))->input(0) == graph.find_value("m"));
  CHECK(graph.opset("local") == 0);
  CHECK(to_text(load_onnx(save_onnx(graph))) == to_text(graph));
}

TEST_CASE("a prefix never meets a name of the model", "[onnx][functions]") {
  const std::string f = function("F", {node("Abs", {"a"}, {"t"}), node("Neg", {"t"}, {"result"})});
  const Graph graph =
      load_onnx(model_with({node("Relu", {"x"}, {"F/t"}), call("F", {"F/t"}, "y")}, {f}));
  CHECK(graph.nodes().size() == 3);
  CHECK(graph.find_value("F_1/t") != kNone);
}

TEST_CASE("attributes by reference, by default, or left out", "[onnx][functions]") {
  const FieldList with_default{{p::function::kAttributeProto, message(alpha(0.25f))}};
  const std::string leaky = node("LeakyRelu", {"a"}, {"result"}, {reference("alpha")});
  const std::string f = function("F", {leaky}, with_default);
  const std::string g = function("G", {leaky});
  const Field given{p::node::kAttribute, message(alpha(0.5f))};
  const Graph graph = load_onnx(model_with(
      {call("F", {"x"}, "u", {given}), call("F", {"u"}, "v"), call("G", {"v"}, "y")}, {f, g}));
  CHECK(slope(graph, 0) == 0.5f);
  CHECK(slope(graph, 1) == 0.25f);
  CHECK(slope(graph, 2) == -1.0f);  // G has no default: the attribute is absent
}

TEST_CASE("functions call functions and hand attributes on", "[onnx][functions]") {
  const std::string inner =
      function("Inner", {node("LeakyRelu", {"a"}, {"result"}, {reference("slope")})});
  const Field handed{p::node::kAttribute, message({{p::attribute::kName, "slope"},
                                                   {p::attribute::kType, 1},
                                                   {p::attribute::kRefAttrName, "alpha"}})};
  const std::string outer = function("Outer", {call("Inner", {"a"}, "result", {handed})});
  const Field given{p::node::kAttribute, message(alpha(0.125f))};
  const Graph graph = load_onnx(model_with({call("Outer", {"x"}, "y", {given})}, {outer, inner}));
  REQUIRE(graph.nodes().size() == 1);
  CHECK(slope(graph, 0) == 0.125f);
}

TEST_CASE("an absent input stays absent, an unused output gets a local name", "[onnx][functions]") {
  const std::string f = function("F", {node("Clip", {"a", "b"}, {"result"})});
  const Graph graph = load_onnx(model_with({call("F", {"x"}, "y")}, {f}));
  CHECK(graph.node(graph.nodes()[0]).input(1) == kNone);
}

TEST_CASE("an input handed straight to an output becomes Identity", "[onnx][functions]") {
  const std::string f = message({{p::function::kName, "F"},
                                 {p::function::kDomain, "local"},
                                 {p::function::kInput, "a"},
                                 {p::function::kOutput, "a"}});
  const Graph graph = load_onnx(model_with({call("F", {"x"}, "y")}, {f}));
  REQUIRE(graph.nodes().size() == 1);
  CHECK(graph.node(graph.nodes()[0]).op_type == "Identity");
}

TEST_CASE("functions that cannot be inlined are refused", "[onnx][functions]") {
  const std::string abs = node("Abs", {"a"}, {"result"});
  const auto one_call = std::vector<std::string>{call("F", {"x"}, "y")};
  CHECK(fault(model_with(one_call, {function("F", {abs}, {}, 9)})) == ErrorCode::kUnsupportedModel);
  CHECK(fault(model_with(one_call, {function("F", {call("F", {"a"}, "result")})})) ==
        ErrorCode::kLimitExceeded);
  CHECK(fault(model_with(one_call, {function("F", {abs}), function("F", {abs})})) ==
        ErrorCode::kInvalidModel);
  CHECK(fault(model_with({call("F", {"x", "x", "x"}, "y")}, {function("F", {abs})})) ==
        ErrorCode::kInvalidModel);
}

TEST_CASE("twenty small functions cannot ask for a million nodes", "[onnx][functions]") {
  std::vector<std::string> functions{function("F0", {node("Abs", {"a"}, {"result"})})};
  for (int i = 1; i <= 20; ++i) {
    const std::string below = "F" + std::to_string(i - 1);
    functions.push_back(
        function("F" + std::to_string(i), {call(below, {"a"}, "t"), call(below, {"t"}, "result")}));
  }
  CHECK(fault(model_with({call("F20", {"x"}, "y")}, functions)) == ErrorCode::kLimitExceeded);
  CHECK(load_onnx(model_with({call("F5", {"x"}, "y")}, functions)).nodes().size() == 32);
}
