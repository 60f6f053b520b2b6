// load_onnx on small files: constants, listed weights, bodies, names, and every refusal.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/text.h"
#include "onnx/onnx.h"
#include "onnx/proto_builder.h"

using namespace eightfold;
using namespace eightfold::test;
namespace p = eightfold::proto;

namespace {

Error load_fault(const std::vector<uint8_t>& bytes) {
  try {
    load_onnx(bytes);
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::kInternal, "nothing was thrown");
}

std::string attribute(const std::string& name, int64_t kind, const FieldList& value) {
  return message(FieldList{{p::attribute::kName, name}, {p::attribute::kType, kind}} + value);
}

std::string body(const FieldList& fields) {
  return message(FieldList{{p::graph::kName, "body"}} + fields);
}

std::string if_node(const std::string& then_body, const std::string& else_body,
                    const std::string& output) {
  const auto branch = [](const std::string& name, const std::string& bytes) {
    return Field{p::node::kAttribute,
                 attribute(name, p::attribute::kKindGraph, {{p::attribute::kG, bytes}})};
  };
  return node("If", {"c"}, {output},
              {branch("then_branch", then_body), branch("else_branch", else_body)});
}

const Graph& branch(const Graph& graph, NodeId id, const std::string& name) {
  return *std::get<Attribute::GraphPtr>(graph.node(id).find_attribute(name)->value);
}

}  // namespace

TEST_CASE("a node list becomes a graph in topological order", "[onnx]") {
  const Graph graph = load_onnx(model(graph_fields(
      {node("Relu", {"t"}, {"y"}), node("Abs", {"x"}, {"t"}, {{p::node::kName, "first"}})})));
  REQUIRE(graph.nodes().size() == 2);
  CHECK(graph.node(graph.nodes()[0]).name == "first");
  CHECK(graph.opset() == 17);
  CHECK(graph.value(graph.inputs[0]).type.dtype == DType::kFloat32);
}

TEST_CASE("Constant nodes become initializers", "[onnx]") {
  struct Row {
    const char* attribute;
    int64_t kind;
    FieldList value;
    std::string text;
  };
  const Row rows[] = {
      {"value", 4, {{p::attribute::kT, float_tensor("", 2.5f)}}, "float32[1] {2.5}"},
      {"value_float", 1, {{p::attribute::kF, 2.5f}}, "float32[] {2.5}"},
      {"value_int", 2, {{p::attribute::kI, 7}}, "int64[] {7}"},
      {"value_floats",
       6,
       {{p::attribute::kFloats, 1.0f}, {p::attribute::kFloats, 2.0f}},
       "float32[2] {1, 2}"},
      {"value_ints", 7, {{p::attribute::kInts, 3}}, "int64[1] {3}"},
      {"value_string", 3, {{p::attribute::kS, "hi"}}, "string[] {\"hi\"}"},
      {"value_strings", 8, {{p::attribute::kStrings, "hi"}}, "string[1] {\"hi\"}"},
  };
  for (const Row& row : rows) {
    const std::string constant =
        node("Constant", {}, {"k"},
             {{p::node::kAttribute, attribute(row.attribute, row.kind, row.value)}});
    const Graph graph = load_onnx(model(graph_fields({constant, node("Op", {"x", "k"}, {"y"})})));
    INFO(row.attribute);
    CHECK(graph.nodes().size() == 1);
    CHECK(to_text(graph).find("k = " + row.text) != std::string::npos);
  }
}

TEST_CASE("a sparse constant stays a node and is written back", "[onnx]") {
  const FieldList sparse{{p::attribute::kSparseTensor, message({{1, float_tensor("s", 1.0f)}})}};
  const std::string constant = node(
      "Constant", {}, {"k"},
      {{p::node::kAttribute, attribute("sparse_value", p::attribute::kKindSparseTensor, sparse)}});
  const Graph graph = load_onnx(model(graph_fields({constant, node("Add", {"x", "k"}, {"y"})})));
  REQUIRE(graph.nodes().size() == 2);
  CHECK(to_text(load_onnx(save_onnx(graph))) == to_text(graph));

  const FieldList initializer{
      {p::graph::kSparseInitializer, message({{1, float_tensor("s", 1.0f)}})}};
  const Graph other =
      load_onnx(model(graph_fields({node("Add", {"x", "s"}, {"y"})}) + initializer));
  CHECK(other.producer(other.find_value("s"))->op_type == "Constant");
  CHECK(to_text(load_onnx(save_onnx(other))) == to_text(other));
}

TEST_CASE("weights listed as inputs stay listed and are constant", "[onnx]") {
  const FieldList listed{{p::graph::kInput, value_info("w")},
                         {p::graph::kInitializer, float_tensor("w", 1.0f)}};
  const auto nodes = graph_fields({node("Mul", {"x", "w"}, {"y"})});
  for (const int64_t ir_version : {3, 8}) {
    const Graph graph = load_onnx(model(nodes + listed, {}, ir_version));
    CHECK(graph.inputs.size() == 2);
    CHECK(graph.required_inputs().size() == 1);
    CHECK(load_onnx(save_onnx(graph)).inputs.size() == 2);
  }
}

TEST_CASE("bodies capture outer values by name, through nested bodies too", "[onnx]") {
  const std::string inner =
      body({{p::graph::kNode, node("Neg", {"x"}, {"i"})}, {p::graph::kOutput, value_info("i")}});
  const std::string outer =
      body({{p::graph::kNode, if_node(inner, inner, "o")}, {p::graph::kOutput, value_info("o")}});
  const FieldList condition{{p::graph::kInput, value_info("c", 9)}};
  const Graph graph = load_onnx(model(graph_fields({if_node(outer, outer, "y")}) + condition));
  const NodeId node_id = graph.nodes()[0];
  const auto captures = graph.node(node_id).captures();
  const std::vector<ValueId> captured(captures.begin(), captures.end());
  CHECK(captured == std::vector<ValueId>{graph.find_value("c"), graph.find_value("x")});
  CHECK(graph.user_count(graph.find_value("x")) == 1);
  const Graph& middle = branch(graph, node_id, "then_branch");
  CHECK(middle.value(middle.find_value("x")).captured);
  CHECK(middle.value(middle.find_value("x")).type.dtype == DType::kFloat32);
  const Graph& innermost = branch(middle, middle.nodes()[0], "else_branch");
  CHECK(innermost.value(innermost.find_value("x")).captured);
  CHECK(to_text(load_onnx(save_onnx(graph))) == to_text(graph));
}

TEST_CASE("a body's name that shadows an outer one is made unique", "[onnx]") {
  const std::string shadow =
      body({{p::graph::kNode, node("Neg", {"x"}, {"t"})}, {p::graph::kOutput, value_info("t")}});
  const FieldList condition{{p::graph::kInput, value_info("c", 9)}};
  const Graph graph =
      load_onnx(model(graph_fields({node("Abs", {"x"}, {"t"}), if_node(shadow, shadow, "u"),
                                    node("Add", {"t", "u"}, {"y"})}) +
                      condition));
  const Graph& inner = branch(graph, graph.value(graph.find_value("u")).producer(), "then_branch");
  CHECK(inner.value(inner.outputs[0]).name == "t_1");
}

TEST_CASE("what is not understood is carried through", "[onnx]") {
  const std::string unknown_node = node("Relu", {"x"}, {"y"}, {{77, "node extra"}});
  const FieldList graph_extra{{14, "annotation"}, {78, "graph extra"}};
  const FieldList model_extra{{20, "training"},
                              {79, "model extra"},
                              {p::model::kMetadataProps, message({{1, "k"}, {2, "v"}})},
                              {p::model::kProducerName, "maker"}};
  const Graph graph = load_onnx(model(graph_fields({unknown_node}) + graph_extra, model_extra));
  const Graph again = load_onnx(save_onnx(graph));
  for (const Graph* each : {&graph, &again}) {
    CHECK(each->node(each->nodes()[0]).raw.find("node extra") != std::string::npos);
    CHECK(each->raw.find("annotation") != std::string::npos);
    CHECK(each->raw.find("graph extra") != std::string::npos);
    CHECK(each->model().raw.find("training") != std::string::npos);
    CHECK(each->model().raw.find("model extra") != std::string::npos);
    CHECK(each->model().metadata == std::vector<std::pair<std::string, std::string>>{{"k", "v"}});
    CHECK(each->model().producer_name == "maker");
  }
}

TEST_CASE("free and named dimensions, scalars and other types survive", "[onnx]") {
  const auto dim = [](const FieldList& fields) { return Field{p::shape::kDim, message(fields)}; };
  const std::string shape = message({dim({{1, 3}}), dim({{2, "N"}}), dim({}), dim({{1, -1}})});
  const auto tensor = [](const FieldList& shape_field) {
    return message({{1, message(FieldList{{1, 1}} + shape_field)}});
  };
  const std::string sequence = message({{4, message({{1, tensor({})}})}});
  const auto input = [](const std::string& name, const std::string& type) {
    return Field{p::graph::kInput, message({{1, name}, {2, type}})};
  };
  const FieldList inputs{input("a", tensor({{2, shape}})), input("s", tensor({{2, ""}})),
                         input("q", sequence)};
  const Graph graph = load_onnx(model(graph_fields({node("Op", {"x"}, {"y"})}) + inputs));
  const Graph again = load_onnx(save_onnx(graph));
  const auto type = [&](const char* name) { return again.value(again.find_value(name)).type; };
  CHECK(to_text(type("a")) == "float32[3,N,?,?]");
  CHECK(to_text(type("s")) == "float32[]");
  CHECK(type("q").raw == sequence);
}

TEST_CASE("files that are no models say what they are", "[onnx]") {
  const auto fault = [](std::string text) { return load_fault({text.begin(), text.end()}); };
  CHECK(fault("").message() == "the file is empty");
  CHECK(fault("\x89PNG\r\n\x1a\n0000").message().find("a PNG image") != std::string::npos);
  CHECK(fault("<!DOCTYPE html><p>404").message().find("an HTML page") != std::string::npos);
  CHECK(fault("PK\x03\x04....").message().find("a zip archive") != std::string::npos);
  CHECK(fault("abcdTFL3....").message().find("TensorFlow Lite") != std::string::npos);
  CHECK(fault("hello there").code() == ErrorCode::kInvalidModel);
  CHECK(!fault("hello there").hint().empty());
  CHECK(load_fault({0x08, 0x07}).message().find("no graph") != std::string::npos);
}

TEST_CASE("faults in the graph name the node and the value", "[onnx]") {
  struct Row {
    const char* comment;
    std::vector<std::string> nodes;
    ErrorCode code;
    std::string node, value;
  };
  const FieldList named{{p::node::kName, "n"}};
  const Row rows[] = {
      {"an input nobody produces",
       {node("Relu", {"gone"}, {"y"}, named)},
       ErrorCode::kInvalidGraph,
       "n",
       "gone"},
      {"a value produced twice",
       {node("Relu", {"x"}, {"y"}), node("Abs", {"x"}, {"y"}, named)},
       ErrorCode::kInvalidGraph,
       "n",
       "y"},
      {"a node that produces an input",
       {node("Relu", {"x"}, {"x"}, named)},
       ErrorCode::kInvalidGraph,
       "n",
       "x"},
      {"a cycle",
       {node("Relu", {"y"}, {"t"}, named), node("Relu", {"t"}, {"y"})},
       ErrorCode::kInvalidGraph,
       "n",
       "cycle"},
      {"an output nobody produces",
       {node("Relu", {"x"}, {"t"})},
       ErrorCode::kInvalidGraph,
       "",
       "y"},
      {"a node without an operator",
       {node("", {"x"}, {"y"}, named)},
       ErrorCode::kInvalidModel,
       "",
       "n"},
      {"an attribute that refers to no function",
       {node(
           "Relu", {"x"}, {"y"},
           named + FieldList{{p::node::kAttribute, message({{p::attribute::kName, "a"},
                                                            {p::attribute::kRefAttrName, "b"}})}})},
       ErrorCode::kInvalidModel,
       "n",
       "a"},
      {"an attribute of a kind of the future",
       {node("Relu", {"x"}, {"y"},
             named + FieldList{{p::node::kAttribute, attribute("a", 42, {})}})},
       ErrorCode::kUnsupportedModel,
       "n",
       "a"},
  };
  for (const Row& row : rows) {
    INFO(row.comment);
    const Error error = load_fault(model(graph_fields(row.nodes)));
    CHECK(error.code() == row.code);
    CHECK(error.node() == row.node);
    CHECK(error.message().find(row.value) != std::string::npos);
  }
}

TEST_CASE("nesting is limited", "[onnx]") {
  std::string innermost =
      body({{p::graph::kNode, node("Neg", {"x"}, {"v"})}, {p::graph::kOutput, value_info("v")}});
  const FieldList condition{{p::graph::kInput, value_info("c", 9)}};
  const auto nested = [&](int levels) {
    std::string bytes = innermost;
    const std::string leaf = innermost;
    for (int i = 0; i < levels; ++i) {
      bytes = body(
          {{p::graph::kNode, if_node(bytes, leaf, "v")}, {p::graph::kOutput, value_info("v")}});
    }
    return model(graph_fields({if_node(bytes, leaf, "y")}) + condition);
  };
  CHECK_NOTHROW(load_onnx(nested(60)));
  CHECK(load_fault(nested(70)).code() == ErrorCode::kLimitExceeded);
}

TEST_CASE("operator sets must be stated, once", "[onnx]") {
  const auto nodes = graph_fields({node("Relu", {"x"}, {"y"})});
  const std::string graph = message(nodes);
  const auto without = [&](int64_t ir_version) {
    const std::string bytes =
        message({{p::model::kIrVersion, ir_version}, {p::model::kGraph, graph}});
    return std::vector<uint8_t>(bytes.begin(), bytes.end());
  };
  CHECK(load_onnx(without(2)).opset() == 1);
  CHECK(load_fault(without(3)).code() == ErrorCode::kInvalidModel);
  const auto opset = [](const char* domain, int version) {
    return Field{p::model::kOpsetImport, message({{1, domain}, {2, version}})};
  };
  CHECK(load_fault(model(nodes, {opset("ai.onnx", 9)})).code() == ErrorCode::kInvalidModel);
  CHECK(load_onnx(model(nodes, {opset("ai.onnx", 17), opset("com.microsoft", 1)}))
            .opset("com.microsoft") == 1);
}
