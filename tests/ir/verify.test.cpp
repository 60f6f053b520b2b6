// Each way to break a graph is seen, with the node named; and what each stage may hold.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/verify.h"
#include "support/graph_builder.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// x -> Abs -> a -> Neg -> y
struct Chain {
  GraphBuilder g{13};
  ValueId x = g.input("x", {2});
  ValueId a = g.node("Abs", {x}, {.name = "first"});
  ValueId y = g.node("Neg", {a}, {.name = "second"});
  Chain() { g.output(y); }
  Graph& graph() { return g.graph(); }
};

std::string fault(const Graph& graph) {
  try {
    verify(graph);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidGraph);
    return error.what();
  }
  return {};
}

bool mentions(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

Attribute body_attribute(const Graph& body) {
  return {"body", std::make_shared<const Graph>(body)};
}

}  // namespace

TEST_CASE("a whole graph verifies", "[ir][verify]") { CHECK(fault(Chain().graph()) == ""); }

TEST_CASE("an input that is produced later or never", "[ir][verify]") {
  Chain c;
  c.graph().set_input(c.graph().value(c.a).producer(), 0, c.y);
  CHECK(mentions(fault(c.graph()), "'first'"));
  Chain erased;
  erased.graph().erase_node(erased.graph().value(erased.a).producer());
  CHECK(mentions(fault(erased.graph()), "'second'"));
}

TEST_CASE("an output that is never produced", "[ir][verify]") {
  Chain c;
  c.graph().outputs.push_back(c.graph().add_value("loose"));
  CHECK(mentions(fault(c.graph()), "'loose'"));
  c.graph().outputs = {99};
  CHECK(mentions(fault(c.graph()), "graph output"));
}

TEST_CASE("a value that is given and produced", "[ir][verify]") {
  Chain c;
  c.graph().inputs.push_back(c.a);
  CHECK(mentions(fault(c.graph()), "given and produced"));
  Chain constant;
  constant.graph().value(constant.a).initializer = Tensor::scalar(1.0f);
  CHECK(mentions(fault(constant.graph()), "given and produced"));
}

TEST_CASE("a name changed behind the graph", "[ir][verify]") {
  Chain c;
  c.graph().value(c.a).name = "x";
  CHECK(mentions(fault(c.graph()), "name 'x'"));
}

TEST_CASE("bodies are verified, and captures must be listed", "[ir][verify]") {
  Chain c;
  Graph body = c.graph().make_body();
  const ValueId captured = body.add_captured("first_0");
  const ValueId inner = body.add_value("inner");
  Node relu;
  relu.op_type = "Relu";
  body.add_node(relu, {captured}, {inner});
  body.outputs = {inner};
  const ValueId z = c.graph().add_value("z");
  Node owner;
  owner.name = "owner";
  owner.op_type = "If";
  owner.attributes = {body_attribute(body)};
  const NodeId id = c.graph().add_node(owner, {c.x}, {z});
  CHECK(mentions(fault(c.graph()), "'first_0', which the node does not capture"));
  c.graph().set_captures(id, {c.a});
  CHECK(fault(c.graph()) == "");
  CHECK(c.graph().user_count(c.a) == 2);

  body.outputs = {body.add_value("nowhere")};
  c.graph().node(id).attributes = {body_attribute(body)};
  CHECK(mentions(fault(c.graph()), "'nowhere'"));
}

TEST_CASE("operators of the eightfold domain by stage", "[ir][verify]") {
  struct Row {
    const char* op;
    Stage first;  // the first stage that may hold it
  };
  const Row rows[] = {{"Conv", Stage::kFused}, {"QLinearConv", Stage::kLowered}};
  for (const Row& row : rows) {
    for (const Stage stage : {Stage::kFloat, Stage::kFused, Stage::kQuantized, Stage::kLowered}) {
      Chain c;
      c.graph().stage = stage;
      Node& node = c.graph().node(c.graph().value(c.a).producer());
      node.domain = std::string(kEightfoldDomain);
      node.op_type = row.op;
      INFO(row.op << " at " << stage_name(stage));
      CHECK((fault(c.graph()) == "") == (stage >= row.first));
    }
  }
}
