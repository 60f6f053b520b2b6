// Edits of a graph keep its links; order, names and bodies.
#include <catch_amalgamated.hpp>

#include "core/error.h"
#include "ir/verify.h"
#include "support/graph_builder.h"

using namespace eightfold;
using namespace eightfold::test;

namespace {

// x -> Abs -> a -> Neg -> n;  Add(a, n) -> y
struct Diamond {
  GraphBuilder g{13};
  ValueId x = g.input("x", {2});
  ValueId a = g.node("Abs", {x});
  ValueId n = g.node("Neg", {a});
  ValueId y = g.node("Add", {a, n});
  Diamond() { g.output(y); }
  Graph& graph() { return g.graph(); }
};

Node make(const std::string& op) {
  Node node;
  node.op_type = op;
  return node;
}

}  // namespace

TEST_CASE("producers, uses and users", "[ir]") {
  Diamond d;
  const Graph& graph = d.graph();
  CHECK(graph.producer(d.n)->op_type == "Neg");
  CHECK(graph.producer(d.x) == nullptr);
  CHECK(graph.value(d.a).uses().size() == 2);
  CHECK(graph.user_count(d.a) == 2);
  CHECK(graph.user_count(d.y) == 1);  // the graph output
  CHECK_NOTHROW(verify(graph));
}

TEST_CASE("a value used twice by one node has one user", "[ir]") {
  GraphBuilder g(13);
  const ValueId x = g.input("x", {2});
  g.output(g.node("Add", {x, x}));
  CHECK(g.graph().value(x).uses().size() == 2);
  CHECK(g.graph().user_count(x) == 1);
  CHECK_NOTHROW(verify(g.graph()));
}

TEST_CASE("insert, replace and erase", "[ir]") {
  Diamond d;
  Graph& graph = d.graph();
  const NodeId neg = graph.value(d.n).producer();
  const ValueId r = graph.add_value("r");
  graph.insert_before(neg, make("Relu"), {d.a}, {r});
  graph.set_input(neg, 0, r);
  CHECK_NOTHROW(verify(graph));
  CHECK(graph.value(r).uses().size() == 1);

  graph.replace_uses(d.n, r);
  CHECK(graph.value(d.n).uses().empty());
  CHECK(graph.remove_dead_nodes() == 1);
  CHECK(!graph.alive(neg));
  CHECK_NOTHROW(verify(graph));
  REQUIRE(graph.nodes().size() == 3);

  graph.replace_uses(d.y, r);
  CHECK(graph.outputs == std::vector<ValueId>{r});
  CHECK(graph.remove_dead_nodes() == 1);  // the Add
  CHECK_NOTHROW(verify(graph));
}

TEST_CASE("replace_uses may leave the graph outputs alone", "[ir]") {
  Diamond d;
  d.graph().replace_uses(d.y, d.x, {.graph_outputs = false});
  CHECK(d.graph().outputs == std::vector<ValueId>{d.y});
}

TEST_CASE("a copy is independent, its tensors are shared", "[ir]") {
  Diamond d;
  const ValueId w = d.g.constant(Tensor::of<float>({1}, std::vector<float>{1}), "w");
  Graph copy(d.graph());
  copy.erase_node(copy.value(d.y).producer());
  copy.model().opsets[""] = 18;
  CHECK(d.graph().nodes().size() == 3);
  CHECK(d.graph().opset() == 13);
  CHECK(copy.constant(w)->raw() == d.graph().constant(w)->raw());
}

TEST_CASE("sorting keeps a sorted graph and mends a shuffled one", "[ir]") {
  Graph graph;
  const ValueId x = graph.add_value("x"), t = graph.add_value("t"), y = graph.add_value("y");
  graph.inputs = {x};
  graph.outputs = {y};
  const NodeId last = graph.add_node(make("Neg"), {t}, {y});
  const NodeId first = graph.add_node(make("Abs"), {x}, {t});
  CHECK_THROWS_AS(verify(graph), Error);
  graph.sort_topologically();
  CHECK(std::vector<NodeId>(graph.nodes().begin(), graph.nodes().end()) ==
        std::vector<NodeId>{first, last});
  CHECK_NOTHROW(verify(graph));
  graph.set_input(first, 0, y);
  CHECK_THROWS_AS(graph.sort_topologically(), Error);
}

TEST_CASE("value names are unique and can be found", "[ir]") {
  Graph graph;
  const ValueId a = graph.add_value("a");
  const ValueId b = graph.add_value("a");
  CHECK(graph.value(b).name == "a_1");
  CHECK(graph.find_value("a_1") == b);
  CHECK_THROWS_AS(graph.rename_value(b, "a"), Error);
  graph.rename_value(a, "c");
  CHECK(graph.find_value("a") == kNone);
  CHECK(graph.unique_name("c") == "c_1");
}

TEST_CASE("a value has one producer", "[ir]") {
  Diamond d;
  try {
    d.graph().add_node(make("Relu"), {d.x}, {d.a});
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidGraph);
    CHECK(error.op_type() == "Relu");
  }
}

TEST_CASE("attributes are read by kind, with defaults", "[ir]") {
  Node node = make("Op");
  node.set_attribute("axis", int64_t{2});
  node.set_attribute("mode", std::string("linear"));
  CHECK(node.int_attribute("axis", 0) == 2);
  CHECK(node.int_attribute("absent", 7) == 7);
  CHECK(node.string_attribute("mode", "") == "linear");
  CHECK(node.ints_attribute("absent", {1, 2}) == std::vector<int64_t>{1, 2});
  CHECK(node.tensor_attribute("absent") == nullptr);
  CHECK_THROWS_AS(node.float_attribute("axis", 0), Error);
  node.set_attribute("axis", int64_t{3});
  CHECK(node.attributes.size() == 2);
  node.remove_attribute("axis");
  CHECK(!node.has_attribute("axis"));
}
